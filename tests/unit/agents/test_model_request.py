"""The request of a model call, made from model settings."""

from __future__ import annotations

from journeyman.agents.model_request import model_request
from journeyman.agents.spec import ModelSettings
from journeyman.events.messages import user

SETTINGS = ModelSettings(name="big", temperature=0.5, fallbacks=("small",), extra={"user": "u"}, timeout_seconds=9.0)


def test_settings_are_passed_on_and_the_prompt_comes_first() -> None:
    request = model_request(
        SETTINGS, "script:/a/turns.yaml", "Be brief.", [user("hi")], response_schema={"type": "object"}
    )
    assert [(message.role, message.text) for message in request.messages] == [("system", "Be brief."), ("user", "hi")]
    assert (request.model, request.temperature, request.fallbacks) == ("script:/a/turns.yaml", 0.5, ("small",))
    assert (request.extra, request.timeout_seconds, request.response_schema) == ({"user": "u"}, 9.0, {"type": "object"})


def test_an_empty_prompt_is_no_message() -> None:
    assert [message.role for message in model_request(SETTINGS, "big", "", [user("hi")]).messages] == ["user"]
