"""Whatever a gateway answers: its complaint is read, its words stay out of sentences, and nothing is dropped twice."""

from __future__ import annotations

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from journeyman.events.messages import Message, Owner, ToolCall, user
from journeyman.llm.client import ModelRequest
from journeyman.llm.gateway.complaint import complaint_of
from journeyman.llm.gateway.errors import RequestRefusedError, bad_parameter, gateway_error
from journeyman.llm.gateway.refused_part import refused_name, without_refused
from journeyman.llm.gateway.wire_choices import USUAL

SECRET = "sk-Secret-0123456789"
OWNER = Owner("m")
ASKED = Message(role="assistant", tool_calls=(ToolCall("c", "t", "{}"),), extra={"reasoning": "hm"}, owner=OWNER)
REQUEST = ModelRequest(
    model="m", messages=(user("hi"), ASKED), temperature=0.2, max_tokens=5, response_schema={}, extra={"seed": 1}
)
WORDS = st.sampled_from(
    [
        "temperature",
        "max_tokens",
        "unsupported",
        "reasoning",
        "content",
        "null",
        "stream_options",
        "seed",
        SECRET,
        "é\0",
    ]
)
TEXTS = st.lists(WORDS, max_size=6).map(" ".join) | st.text(max_size=20)
KEYS = st.sampled_from(["error", "message", "code", "type", "param", "loc", "detail", "metadata", "reasons", "msg"])
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(BODIES, st.sampled_from([200, 301, 400, 402, 403, 413, 422, 429, 500, 529]))
def test_every_complaint_ends(body: object, status: int) -> None:
    complaint = complaint_of(msgspec.json.encode(body), SECRET)
    error = gateway_error(status, complaint)
    if isinstance(error, RequestRefusedError) and (name := refused_name(complaint, REQUEST)) is not None:
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.\[\]]{0,59}", name)
        error = bad_parameter(error, name)
    assert SECRET not in error.message + (error.detail or "")
    choices, changes = USUAL, 0
    while (changed := without_refused(complaint, REQUEST, OWNER, choices, stream=True)) is not None:
        assert changed != choices
        choices, changes = changed, changes + 1
    assert changes <= 6
