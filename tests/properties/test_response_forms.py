"""A reply of the Responses API gives the same result whole and streamed, and its items go back to their owner alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.events.codec import Codec, decode_event
from journeyman.events.events import ModelReplied
from journeyman.events.messages import Message, Owner, tool_result, user
from journeyman.events.transcript import message_of
from journeyman.llm.client import ModelReply, ModelRequest
from journeyman.llm.fake.responses_wire import response_events
from journeyman.llm.gateway.opaque import owned
from journeyman.llm.gateway.responses_decoder import ResponsesDecoder
from journeyman.llm.gateway.responses_wire import encode_responses_request
from journeyman.llm.gateway.wire import encode_request

TOOLS = ("now", "lookup")
OWNER = Owner("m", "home", "responses")
OTHERS = (Owner("m", "", "responses"), Owner("n", "home", "responses"), Owner("m", "away", "responses"))
Item = dict[str, Any]
Stream = Callable[[Iterable[Item]], Iterator[Item]]

letters = st.text(st.characters(categories=("L", "N", "P", "So")), min_size=1, max_size=12)
extras = st.fixed_dictionaries({}, optional={"caller": st.just({"type": "direct"}), "mark": st.integers(0, 9)})
arguments = st.dictionaries(st.text(max_size=4), st.integers() | letters, min_size=1, max_size=3).map(json.dumps)


def parts(kind: str, key: str, more: Item) -> st.SearchStrategy[Item]:
    return letters.map(lambda text: {"type": kind, key: text, **more})


spoken = parts("output_text", "text", {"annotations": []}) | parts("refusal", "refusal", {})
thoughts = st.lists(parts("reasoning_text", "text", {}), min_size=1, max_size=2)
summaries = st.lists(parts("summary_text", "text", {}), max_size=2)
items = st.one_of(
    st.builds(
        lambda content, phase: {
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": content,
            **phase,
        },
        st.lists(spoken, min_size=1, max_size=2),
        st.sampled_from(({}, {"phase": "commentary"})),
    ),
    st.builds(
        lambda summary, rest: {"type": "reasoning", "summary": summary, **rest},
        summaries,
        letters.map(lambda sealed: {"encrypted_content": sealed}) | thoughts.map(lambda content: {"content": content}),
    ),
    st.builds(
        lambda name, said, extra: {
            "type": "function_call",
            "name": name,
            "arguments": said,
            "status": "completed",
            **extra,
        },
        st.sampled_from(TOOLS),
        arguments,
        extras,
    ),
    extras.map(lambda extra: {"type": "web_search_call", "status": "completed", **extra}),
)
endings = st.sampled_from(
    (
        {"status": "completed", "incomplete_details": None},
        {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
        {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
        {"status": "incomplete", "incomplete_details": {"reason": "steered"}},
    )
)


@st.composite
def responses(draw: Callable[[Any], Any]) -> Item:
    """Return a complete response in which something can be read."""
    output = draw(st.lists(items, min_size=1, max_size=5))
    output.append({"type": "message", "role": "assistant", "status": "completed", "content": [draw(spoken)]})
    for place, item in enumerate(output):
        item["id"] = f"item_{place}"
        if item["type"] == "function_call":
            item["call_id"] = f"call_{place}"
    usage = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5}
    return {"object": "response", "model": "m-1", "output": output, "usage": usage, **draw(endings)}


def as_openai(events: Iterable[Item]) -> Iterator[Item]:
    """As OpenAI does."""
    yield from events


def with_other_ids(events: Iterable[Item]) -> Iterator[Item]:
    """A new id for each piece, as GitHub Copilot does."""
    for number, event in enumerate(events):
        yield {**event, "item_id": f"other_{number}"} if "item_id" in event else event


def without_ids(events: Iterable[Item]) -> Iterator[Item]:
    """No ids at the pieces, but numbers."""
    for event in events:
        yield {key: value for key, value in event.items() if key != "item_id"}


def index_zero(events: Iterable[Item]) -> Iterator[Item]:
    """One number for all items, told apart by ids, as the bridge of LiteLLM does."""
    for event in events:
        yield {**event, "output_index": 0} if "output_index" in event else event


def without_output(events: Iterable[Item]) -> Iterator[Item]:
    """No output in the last event, as ChatGPT does."""
    for event in events:
        yield {**event, "response": {**event["response"], "output": []}} if "response" in event else event


def unfinished(events: Iterable[Item]) -> Iterator[Item]:
    """Only the last event says that an item is complete."""
    yield from (event for event in events if event["type"] != "response.output_item.done")


def unannounced(events: Iterable[Item]) -> Iterator[Item]:
    """No item is announced."""
    yield from (event for event in events if event["type"] != "response.output_item.added")


STREAMS = (as_openai, with_other_ids, without_ids, index_zero, without_output, unfinished, unannounced)


def whole(body: Item) -> ModelReply:
    decoder = ResponsesDecoder(TOOLS, streamed=False)
    decoder.feed(json.dumps(body).encode())
    return decoder.reply({}, model="asked")


def streamed(body: Item, change: Stream, places: list[int], pieces: list[str]) -> tuple[ModelReply, str]:
    events = change(response_events(body, pieces))
    data = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
    decoder = ResponsesDecoder(TOOLS)
    cuts = [min(place, len(data)) for place in places]
    shown = "".join(decoder.feed(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True))
    return decoder.reply({}, model="asked"), shown


@settings(deadline=None, max_examples=300)
@given(responses(), st.sampled_from(STREAMS), st.lists(st.integers(0, 4000), max_size=6).map(sorted), st.integers(1, 5))
def test_a_reply_in_pieces_is_the_reply_sent_whole(body: Item, change: Stream, places: list[int], size: int) -> None:
    first = next(part for item in body["output"] if item["type"] == "message" for part in item["content"])
    text = first.get("text") or first.get("refusal")
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    reply = whole(body)
    assert streamed(body, change, places, pieces) == (reply, reply.message.text)
    assert (reply.usage.input_tokens, reply.usage.cached_tokens, reply.usage.output_tokens) == (9, 4, 5)
    if body["status"] == "incomplete":
        assert reply.finish_reason in ("length", "content_filter")


def stored(reply: ModelReply, owner: Owner) -> Message:
    """Return the reply as a run stores and reads it."""
    draft = Codec().draft(ModelReplied(call="m1", model="m-1", message=owned(reply, owner).message))
    message = message_of(decode_event(draft.type, draft.v, draft.data))
    assert message is not None
    return message


def sent(message: Message, owner: Owner) -> list[Item]:
    results = [tool_result(call.id, call.name, "done") for call in message.tool_calls]
    request = ModelRequest(model=owner.model, messages=(user("hi"), message, *results))
    body = json.loads(encode_responses_request(request, stream=False, gateway=owner.gateway))
    return [item for item in body["input"] if item.get("role") != "user" and item["type"] != "function_call_output"]


@settings(deadline=None, max_examples=200)
@given(responses())
def test_all_items_go_back_to_their_owner_as_they_came_and_in_order(body: Item) -> None:
    assert sent(stored(whole(body), OWNER), OWNER) == body["output"]


@settings(deadline=None, max_examples=200)
@given(responses(), st.sampled_from(OTHERS))
def test_another_model_gets_texts_and_calls_and_nothing_else(body: Item, other: Owner) -> None:
    message = stored(whole(body), OWNER)
    calls = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    assert sent(message, other) == [{"type": "message", "role": "assistant", "content": message.text}, *calls]


@settings(deadline=None, max_examples=200)
@given(responses())
def test_the_other_api_gets_texts_and_calls_and_nothing_else(body: Item) -> None:
    message = stored(whole(body), OWNER)
    request = ModelRequest(model="m", messages=(user("hi"), message))
    _, reply = json.loads(encode_request(request, stream=False, gateway="home"))["messages"]
    plain = msgspec.structs.replace(message, extra={}, tool_calls=())
    request = ModelRequest(model="m", messages=(user("hi"), plain))
    assert {key: reply[key] for key in reply if key != "tool_calls"} == json.loads(
        encode_request(request, stream=False, gateway="home")
    )["messages"][1]
    assert all(call.keys() == {"id", "type", "function"} for call in reply.get("tool_calls", ()))


@settings(deadline=None, max_examples=100)
@given(responses(), responses())
def test_the_input_of_a_thread_only_grows(first: Item, second: Item) -> None:
    """A provider caches the beginning of a request, so it has to be the same in the next one."""
    thread: list[Message] = [user("hi")]
    before: list[Item] = []
    for body in (first, second):
        request = ModelRequest(model="m", messages=tuple(thread))
        now = json.loads(encode_responses_request(request, stream=False, gateway="home"))["input"]
        assert now[: len(before)] == before
        message = stored(whole(body), OWNER)
        thread += [message, *(tool_result(call.id, call.name, "done") for call in message.tool_calls), user("go on")]
        before = now
