from __future__ import annotations

import pytest

from journeyman.agent_files.model_entries import resolve_model


@pytest.mark.parametrize(
    ("named", "default", "gateway", "offline", "model"),
    [
        ("m", None, True, False, "m"),
        ("m", "d", True, False, "m"),
        (None, "d", True, False, "d"),
        (None, None, False, False, "offline"),
        ("", "", False, False, "offline"),
        ("offline", "d", True, False, "offline"),
        ("script:turns.yaml", None, False, False, "script:turns.yaml"),
        ("replay:r1", None, True, False, "replay:r1"),
        ("m", None, False, True, "offline"),
        ("m", None, True, True, "offline"),
        (None, "d", False, True, "offline"),
        (None, None, True, True, "offline"),
        ("script:turns.yaml", "d", True, True, "script:turns.yaml"),
    ],
)
def test_the_model_that_is_used(
    named: str | None, default: str | None, gateway: bool, offline: bool, model: str
) -> None:
    assert resolve_model(named, default, gateway, offline) == model


@pytest.mark.parametrize(
    ("named", "default", "gateway", "message"),
    [
        ("m", None, False, "the model m needs a gateway: set LITELLM_GATEWAY_URL, or start with serve --offline"),
        (None, "d", False, r"from DEFAULT_MODEL\) needs a gateway"),
        (None, None, True, "set DEFAULT_MODEL"),
        ("", "", True, "set DEFAULT_MODEL"),
    ],
)
def test_the_start_is_refused(named: str | None, default: str | None, gateway: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_model(named, default, gateway, False)
