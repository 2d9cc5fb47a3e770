"""One reply, cut into pieces at random and marked as servers mark them, is read as the same reply sent whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.llm.gateway.deltas import ReplyDecoder

TOOLS = ("now", "lookup", "look_up_all", "add")
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(min_size=1, max_size=4), JSONS, min_size=1, max_size=3)
OPAQUE = st.fixed_dictionaries(
    {},
    optional={
        "reasoning_content": st.text(max_size=20),
        "provider": st.text(max_size=5),
        "flag": st.booleans() | st.none(),
        "state": st.dictionaries(st.sampled_from(("a", "b", "c")), JSONS, max_size=3),
        "reasoning_details": st.lists(st.text(min_size=1, max_size=9), max_size=3).map(
            lambda texts: [{"type": "reasoning.text", "index": i, "text": text} for i, text in enumerate(texts)]
        ),
    },
)
Call = dict[str, Any]
Piece = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]


def cut(draw: Draw, text: str) -> list[str]:
    """Cut a text into pieces, none of which is empty."""
    places = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=4)))
    return [piece for a, b in zip([0, *places], [*places, None], strict=True) if (piece := text[a:b])]


@st.composite
def calls(draw: Draw) -> list[Call]:
    """Return calls with distinct ids."""
    asked = draw(st.lists(st.tuples(st.sampled_from(TOOLS), OBJECTS), max_size=4))
    return [
        {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for place, (name, arguments) in enumerate(asked)
    ]


def header(call: Call, place: int, arguments: str = "") -> Piece:
    function = {"name": call["function"]["name"], "arguments": arguments}
    return {"index": place, "id": call["id"], "type": "function", "function": function}


def rest(place: int, arguments: str) -> Piece:
    return {"index": place, "function": {"arguments": arguments}}


def numbered(draw: Draw, call: Call, place: int) -> list[Piece]:
    """As OpenAI does: index in each piece, id and name in the first."""
    return [header(call, place), *(rest(place, piece) for piece in cut(draw, call["function"]["arguments"]))]


def repeating(draw: Draw, call: Call, place: int) -> list[Piece]:
    """Everything in each piece."""
    pieces = cut(draw, call["function"]["arguments"])
    return [header(call, place, piece) for piece in ["", *pieces]]


def index_zero(draw: Draw, call: Call, place: int) -> list[Piece]:
    """Index 0 for all calls, told apart by ids."""
    return [{**piece, "index": 0} for piece in numbered(draw, call, place)]


def without_index(draw: Draw, call: Call, place: int) -> list[Piece]:
    """No index, told apart by ids."""
    return [{key: value for key, value in piece.items() if key != "index"} for piece in numbered(draw, call, place)]


def without_ids(draw: Draw, call: Call, place: int) -> list[Piece]:
    """An index and no ids."""
    return [{**piece, "id": ""} for piece in numbered(draw, call, place)]


def bare(draw: Draw, call: Call, place: int) -> list[Piece]:
    """Index 0 for all calls and no ids: a name with arguments begins a call."""
    first, *others = cut(draw, call["function"]["arguments"])
    return [{**header(call, 0, first), "id": None}, *(rest(0, piece) for piece in others)]


def changing_ids(draw: Draw, call: Call, place: int) -> list[Piece]:
    """A new id in each piece."""
    first, *others = numbered(draw, call, place)
    return [first, *({**piece, "id": f"other_{place}_{n}"} for n, piece in enumerate(others))]


def sent_again(draw: Draw, call: Call, place: int) -> list[Piece]:
    """The complete call once more at its end."""
    return [*numbered(draw, call, place), header(call, place, call["function"]["arguments"])]


def empty_first(draw: Draw, call: Call, place: int) -> list[Piece]:
    """`{}` before the arguments."""
    return [header(call, place, "{}"), *numbered(draw, call, place)[1:]]


def name_in_pieces(draw: Draw, call: Call, place: int) -> list[Piece]:
    """The name in pieces."""
    first, *others = cut(draw, call["function"]["name"])
    named = [{"index": place, "id": call["id"], "function": {"name": first}}]
    named += [{"index": place, "function": {"name": piece}} for piece in others]
    return [*named, *numbered(draw, call, place)[1:]]


WITH_IDS = (numbered, repeating, index_zero, without_index, changing_ids, sent_again, empty_first, name_in_pieces)
WITHOUT_IDS = (without_ids, bare)


def of_opaque(draw: Draw, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the deltas that bring opaque fields."""
    deltas: list[dict[str, Any]] = []
    for key, value in fields.items():
        if key == "reasoning_content":
            deltas += [{key: piece} for piece in cut(draw, value) or [""]]
        elif key == "state":
            deltas += [{key: {name: item}} for name, item in value.items()] or [{key: {}}]
        elif key == "reasoning_details":
            for item in value:
                deltas += [{key: [{**item, "text": piece}]} for piece in cut(draw, item["text"])]
            deltas += [] if value else [{key: []}]
        else:
            deltas += [{key: value}] * draw(st.integers(1, 2))
    return deltas


@st.composite
def forms(draw: Draw) -> tuple[bytes, bytes]:
    """Return a reply as a complete body and as a stream."""
    text, fields, asked = draw(st.text(max_size=20)), draw(OPAQUE), draw(calls())
    style = draw(st.sampled_from(WITH_IDS + WITHOUT_IDS))
    reason = draw(st.sampled_from(("stop", "tool_calls", "length", "STOP", "odd", None)))
    deltas = of_opaque(draw, fields) + [{"content": piece} for piece in cut(draw, text)]
    pieces = [piece for place, call in enumerate(asked) for piece in style(draw, call, place)]
    deltas += [{"tool_calls": [piece]} for piece in pieces]
    known = asked if style in WITH_IDS else [{**call, "id": None} for call in asked]
    message = {"role": "assistant", "content": text, **fields, **({"tool_calls": known} if known else {})}
    whole = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": reason}]}
    chunks: list[Any] = [{"model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return json.dumps(whole).encode(), "".join([*events, "data: [DONE]\n\n"]).encode()


def streamed(body: bytes, places: list[int]) -> tuple[Any, str]:
    decoder = ReplyDecoder(TOOLS)
    shown = "".join(decoder.feed(body[a:b]) for a, b in zip([0, *places], [*places, len(body)], strict=True))
    return decoder.reply({}, model="asked"), shown


@settings(deadline=None, max_examples=300)
@given(forms(), st.lists(st.integers(0, 2000), max_size=6).map(sorted))
def test_a_reply_in_pieces_is_the_reply_sent_whole(both: tuple[bytes, bytes], places: list[int]) -> None:
    body, stream = both
    if b'"finish_reason": null' in body and b'"content": ""' in body and b"tool_calls" not in body:
        return  # it says nothing at all
    complete = ReplyDecoder(TOOLS, streamed=False)
    complete.feed(body)
    whole = complete.reply({}, model="asked")
    read, shown = streamed(stream, [min(place, len(stream)) for place in places])
    assert (read, shown) == (whole, whole.message.text)
