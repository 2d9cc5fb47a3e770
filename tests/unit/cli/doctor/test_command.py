"""The doctor's report as a whole."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from journeyman.cli.doctor.command import check_all, settings_text
from journeyman.settings import Settings
from tests.harness.cli_runner import without_our_variables


def test_settings_that_are_set_are_listed_without_their_secrets() -> None:
    settings = Settings.read(env_file=None, port=1, api_key="k" * 43)
    assert isinstance(settings.api_key, SecretStr)
    assert settings_text(settings) == "API_KEY=[secret] PORT=1"
    assert settings_text(Settings.read(env_file=None)) in ("all defaults", settings_text(Settings.read(env_file=None)))


def test_addresses_are_listed_without_their_userinfo() -> None:
    url = "http://ann:pw@gateway.example/v1"
    settings = Settings.read(env_file=None, litellm_gateway_url=url, cors_origins="https://tok@a.example")
    assert settings_text(settings) == (
        "CORS_ORIGINS=('https://[secret]@a.example',) LITELLM_GATEWAY_URL=http://[secret]@gateway.example/v1"
    )


def test_settings_that_cannot_be_read_end_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    without_our_variables(monkeypatch)
    monkeypatch.setenv("PORT", "many")
    found = list(check_all(None, ask_network=False))
    assert (found[-1].what, found[-1].state) == ("settings", "broken")
    assert {"python", "sqlite"} <= {each.what for each in found}
