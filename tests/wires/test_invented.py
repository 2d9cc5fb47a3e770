"""Reply shapes that no server is known to send, of the kinds that servers do send: each gives what it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from tests.wires.player import Form, Shape, play, problems

INVENTED = json.loads(Path(__file__).with_name("invented.json").read_text())
PLAYS = [(shape, form) for shape in INVENTED for form in get_args(Form) if form in shape]


@pytest.mark.parametrize(("shape", "form"), PLAYS, ids=[f"{shape['name']}-{form}" for shape, form in PLAYS])
async def test_an_invented_shape_gives_what_it_should(shape: Shape, form: Form) -> None:
    assert problems(shape, form, await play(shape, form)) == []
