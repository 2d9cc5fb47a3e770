"""Every shape gives what it should, plain and streamed, and both forms of one reply give the same."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from tests.wires.player import Form, Shape, play, problems, shapes

ALL = list(shapes())
PLAYS = [(shape, form) for shape in ALL for form in get_args(Form) if form in shape]


@pytest.mark.parametrize(("shape", "form"), PLAYS, ids=[f"{shape['name']}-{form}" for shape, form in PLAYS])
async def test_a_shape_gives_what_it_should(shape: Shape, form: Form) -> None:
    assert problems(shape, form, await play(shape, form)) == []


BOTH = [shape for shape in ALL if "plain" in shape and "streamed" in shape and not shape.get("differs")]


@pytest.mark.parametrize("shape", BOTH, ids=[shape["name"] for shape in BOTH])
async def test_both_forms_of_a_reply_give_the_same(shape: Shape) -> None:
    plain, streamed = await play(shape, "plain"), await play(shape, "streamed")
    assert [reply.message for reply in plain.replies] == [reply.message for reply in streamed.replies]
    assert [reply.finish_reason for reply in plain.replies] == [reply.finish_reason for reply in streamed.replies]


def test_every_shape_has_a_name_and_a_source() -> None:
    assert [name for name, count in Counter(shape["name"] for shape in ALL).items() if count > 1] == []
    assert [shape["name"] for shape in ALL if not shape["source"].startswith("https://")] == []
