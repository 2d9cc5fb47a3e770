"""What a provider sends beside the known fields goes back to its model at its gateway, and to no other."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.events.codec import Codec, decode_event
from journeyman.events.events import ModelReplied
from journeyman.events.messages import Owner, tool_result, user
from journeyman.events.transcript import message_of
from journeyman.llm.client import ModelReply, ModelRequest
from journeyman.llm.gateway.deltas import ReplyDecoder
from journeyman.llm.gateway.opaque import OUTPUT_ONLY, owned
from journeyman.llm.gateway.wire import encode_request

KNOWN = {"role", "content", "tool_calls", "refusal", "function_call", "id", "type", "index", "function", "name"}
KNOWN |= {"arguments", "text", *OUTPUT_ONLY}
OWNER = Owner("m", "home")
OTHERS = (Owner("m"), Owner("m", "away"), Owner("n", "home"), Owner("n"))

keys = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8).filter(lambda key: key not in KNOWN)
texts = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=5
)
fields = st.dictionaries(keys, values, max_size=3)
output_only = st.dictionaries(st.sampled_from(sorted(OUTPUT_ONLY)), values)
parts = st.lists(
    st.builds(lambda text, extra: {**extra, "type": "text", "text": text}, texts, fields)
    | st.builds(lambda kind, extra: {**extra, "type": "x" + kind}, keys, fields),
    max_size=3,
)


@st.composite
def replies(draw: st.DrawFn) -> dict[str, Any]:
    """Return the message of a reply with unknown fields at each level. It asks for a call, so it is always sent."""
    calls = []
    for number in range(draw(st.integers(1, 2))):
        function = {**draw(fields), "name": "t", "arguments": "{}"}
        calls.append({**draw(fields), "id": f"c{number}", "type": "function", "function": function})
    content = draw(st.none() | texts | parts)
    return {**draw(fields), **draw(output_only), "role": "assistant", "content": content, "tool_calls": calls}


def received(message: dict[str, Any], streamed: bool) -> ModelReply:
    choice = {"delta" if streamed else "message": message, "finish_reason": "tool_calls"}
    body = json.dumps({"choices": [choice]}).encode()
    decoder = ReplyDecoder(("t",), streamed=streamed)
    decoder.feed(b"data: " + body + b"\n\ndata: [DONE]\n\n" if streamed else body)
    return owned(decoder.reply({}, model=OWNER.model), OWNER)


def stored(reply: ModelReply) -> ModelReplied:
    draft = Codec().draft(ModelReplied(call="m1", model="m-2026", message=reply.message))
    event = decode_event(draft.type, draft.v, draft.data)
    assert isinstance(event, ModelReplied)
    return event


def sent(reply: ModelReply, owner: Owner) -> dict[str, Any]:
    """Return the reply as the next request to `owner` holds it, after it was stored."""
    message = message_of(stored(reply))
    assert message is not None
    results = [tool_result(call.id, call.name, "r") for call in message.tool_calls]
    request = ModelRequest(model=owner.model, messages=(user("hi"), message, *results))
    found: dict[str, Any] = json.loads(encode_request(request, stream=False, gateway=owner.gateway))["messages"][1]
    return found


def without(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in OUTPUT_ONLY}


@given(replies(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_every_unknown_field_goes_back_to_its_owner_as_it_came(message: dict[str, Any], streamed: bool) -> None:
    back, expected = sent(received(message, streamed), OWNER), without(message)
    content, came = back.pop("content"), expected.pop("content")
    assert back == expected
    if isinstance(came, list) and any(part.keys() - {"type", "text"} or part["type"] != "text" for part in came):
        assert content == came
    else:
        text = "".join(part["text"] for part in came) if isinstance(came, list) else came
        assert (content or "") == (text or "")


@given(replies(), st.booleans(), st.sampled_from(OTHERS))
@settings(max_examples=200, deadline=None)
def test_no_unknown_field_goes_to_another(message: dict[str, Any], streamed: bool, other: Owner) -> None:
    back = sent(received(message, streamed), other)
    assert back.keys() == {"role", "content", "tool_calls"}
    assert back["content"] is None or isinstance(back["content"], str)
    for call in back["tool_calls"]:
        assert call.keys() == {"id", "type", "function"}
        assert call["function"].keys() == {"name", "arguments"}


def test_a_reply_of_0_1_goes_back_to_the_model_that_it_names_alone() -> None:
    data = b'{"call":"m1","model":"m","message":{"role":"assistant","content":[{"type":"text","text":"a"}],'
    data += b'"extra":{"reasoning_content":"hm"}}}'
    event = decode_event("model_replied", 1, data)
    assert Codec().draft(event).data == data, "what is stored keeps its form"
    message = message_of(event)
    assert message is not None
    for owner, extra in ((Owner("m"), {"reasoning_content": "hm"}), (Owner("n"), {}), (Owner("m", "other"), {})):
        body = encode_request(ModelRequest(model=owner.model, messages=(message,)), stream=False, gateway=owner.gateway)
        assert msgspec.json.decode(body)["messages"] == [{**extra, "role": "assistant", "content": "a"}]
