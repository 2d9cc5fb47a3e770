"""Which messages of parallel branches stand in the trunk, and in what order."""

from __future__ import annotations

import pytest

from journeyman.events.codec import Codec, Entry
from journeyman.events.events import MessageAdded, ModelReplied, NodeEntered, Path, ToolCallFinished
from journeyman.events.messages import assistant, user
from journeyman.journal.projection.branch_messages import is_in_main_branch, joined_seqs

LEFT, RIGHT = Path("a#1.0", "b"), Path("a#1.1", "c")


def replied(path: Path, call: str = "m1") -> ModelReplied:
    return ModelReplied(call=call, model="m", message=assistant("x"), path=path)


@pytest.mark.parametrize(
    ("event", "trunk"),
    [
        (MessageAdded(message=user("x")), True),
        (replied(Path("", "a")), True),
        (replied(Path("", "a"), "a#1.m1"), False),
        (replied(LEFT), False),
        (ToolCallFinished(call="a#1.t1", call_id="c", tool="look", path=Path("", "a")), False),
    ],
)
def test_a_message_stands_in_the_trunk_if_no_branch_and_no_code_made_it(event: ModelReplied, trunk: bool) -> None:
    assert is_in_main_branch(event) is trunk


def test_a_join_brings_the_branches_messages_in_the_order_of_its_edge() -> None:
    join = NodeEntered(call="d#1", joins=("a#1.1", "a#1.0"), path=Path("", "d"))
    events = [replied(LEFT), replied(RIGHT), replied(LEFT), replied(RIGHT, "c#1.m1"), join]
    drafts = [Codec().draft(event) for event in events]
    entries = [Entry("run_1", seq, draft.type, draft.v, 0, draft.data) for seq, draft in enumerate(drafts, 1)]
    assert joined_seqs(entries, last=5) == [2, 1, 3]
    assert joined_seqs(entries, last=4) == []
