"""Finish reasons: the words of providers and what is stored."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.llm.finish_reasons import Ending, ending_of, stored_reason, worst_ending


@pytest.mark.parametrize(
    ("reasons", "ending"),
    [
        (("stop", "STOP", "tool_calls", "function_call", "eos", "end_turn", "Tool_Use", "completed"), "good"),
        (("tool-calls", "toolUse", "FINISH_REASON_STOP", "FinishReason.STOP", " end-turn "), "good"),
        (
            (
                "length",
                "MAX_TOKENS",
                "model_length",
                "max-tokens",
                "maxTokens",
                "FinishReason.MAX_TOKENS",
                "token_limit",
            ),
            "cut",
        ),
        (
            ("content_filter", "SAFETY", "recitation", "PROHIBITED_CONTENT", "content-filter", "IMAGE_RECITATION"),
            "filtered",
        ),
        (("error", "ERROR"), "error"),
        (("abort", "", "other", None, 3, {}), "unknown"),
    ],
)
def test_lists(reasons: tuple[Any, ...], ending: Ending) -> None:
    assert {ending_of(reason) for reason in reasons} == {ending}


def test_the_worst_ending_counts() -> None:
    assert worst_ending([]) == "unknown"
    assert worst_ending(["good", "cut"]) == "cut"
    assert worst_ending(["good", "unknown"]) == "unknown"
    assert worst_ending(["filtered", "good"]) == "filtered"


@pytest.mark.parametrize(
    ("ending", "text", "calls", "stored"),
    [
        ("good", True, False, "stop"),
        ("good", True, True, "tool_calls"),
        ("good", False, False, "empty"),
        ("cut", False, True, "length"),
        ("filtered", False, False, "content_filter"),
        ("unknown", True, False, "unknown"),
    ],
)
def test_what_is_stored(ending: Ending, text: bool, calls: bool, stored: str) -> None:
    assert stored_reason(ending, text=text, calls=calls) == stored
