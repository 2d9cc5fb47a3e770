from __future__ import annotations

from journeyman.llm.gateway.gateway_spec import OPENAI_NAMES, GatewaySpec, SettingNames


def test_a_spec_shows_no_key() -> None:
    spec = GatewaySpec(name="azure", url="https://u:password1@h/v1?api_key=secret-2", key="sk-1")
    assert repr(spec) == "GatewaySpec('azure')"
    assert spec.secrets == ("sk-1", "password1", "secret-2")
    assert GatewaySpec(url="http://h").secrets == ()


def test_a_text_names_the_settings_of_its_gateway() -> None:
    text = "set LITELLM_GATEWAY_API_KEY to a valid one (LITELLM_GATEWAY_URL)"
    assert SettingNames().in_text(text) == text
    assert OPENAI_NAMES.in_text(text) == "set OPENAI_API_KEY to a valid one (OPENAI_BASE_URL)"
