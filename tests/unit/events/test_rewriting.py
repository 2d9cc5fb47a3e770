"""Events with other texts: every free text changes, the words of the schema do not."""

from __future__ import annotations

from journeyman.events.events import RunAccepted, ToolCallFinished
from journeyman.events.messages import user
from journeyman.events.rewriting import rewritten


def shout(text: str) -> str:
    return text.upper()


def test_every_text_in_plain_data_changes_keys_included() -> None:
    assert rewritten({"a": ["b", ("c", 1)], "d": None}, shout) == {"A": ["B", ("C", 1)], "D": None}


def test_words_of_the_schema_stay() -> None:
    event = RunAccepted(thread="ann/t", principal="ann", input=user("hi"), multitask="reject")
    changed = rewritten(event, shout)
    assert (changed.input.role, changed.input.text, changed.multitask) == ("user", "HI", "reject")


def test_fields_that_are_kept_stay_at_any_depth() -> None:
    event = RunAccepted(thread="ann/t", principal="ann", input=user("hi"))
    changed = rewritten(event, shout, frozenset(["thread", "text"]))
    assert (changed.thread, changed.principal, changed.input.text) == ("ann/t", "ANN", "hi")


def test_an_event_that_does_not_change_is_the_same_object() -> None:
    event = ToolCallFinished(call="m1.0", call_id="c", tool="look", result="seen")
    assert rewritten(event, lambda text: text) is event
