"""The replies of a run come back to their server as it sent them, from both forms alike."""

from __future__ import annotations

from typing import get_args

import pytest

from tests.wires.player import Form, Shape, play, shapes
from tests.wires.response_forms import is_of_reply

SENT = [(shape, form) for shape in shapes() if "sent" in shape for form in get_args(Form) if form in shape]


@pytest.mark.parametrize(("shape", "form"), SENT, ids=[f"{shape['name']}-{form}" for shape, form in SENT])
async def test_the_last_request_holds_the_replies_before(shape: Shape, form: Form) -> None:
    body = (await play(shape, form)).requests[-1]
    if "input" in body:
        assert [item for item in body["input"] if is_of_reply(item)] == shape["sent"]
    else:
        assert [message for message in body["messages"] if message["role"] == "assistant"] == shape["sent"]
