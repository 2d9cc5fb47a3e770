from __future__ import annotations

import asyncio
import json

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.clock import ManualClock
from journeyman.events.messages import Message, system, tool_result, user
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta, ToolDefinition
from journeyman.llm.offline.model import OfflineModel

STRING = {"type": "string"}


def tool(name: str, description: str, required: tuple[str, ...] = (), **properties) -> ToolDefinition:
    return ToolDefinition(name, description, {"type": "object", "properties": properties, "required": list(required)})


TOOLS = (
    tool("get_username", "Return the name of the user who is asking."),
    tool("current_time", "The current date and time in UTC, or in a given time zone.", timezone=STRING),
    tool("calculator", "Evaluate an arithmetic expression.", ("expression",), expression=STRING),
    tool("get_order", "Look up an order by its number.", ("order_id",), order_id=STRING),
    tool(
        "refund",
        "Refund an order.",
        ("order_id", "amount"),
        order_id=STRING,
        amount={"type": "number", "maximum": 100},
        reason=STRING,
    ),
)


async def answer(*messages: Message, tools=TOOLS, on_delta=None, **fields) -> ModelReply:
    request = ModelRequest(model="offline", messages=(system("Help."), *messages), tools=tools, **fields)
    return await OfflineModel().call(request, on_delta)


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("Who am I?", "get_username", {}),
        ("what's my user name", "get_username", {}),
        ("What time is it?", "current_time", {}),
        ("what is the date today?", "current_time", {}),
        ("what is 12*(3+4)?", "calculator", {"expression": "12*(3+4)"}),
        ("where is my order ORD-1042?", "get_order", {"order_id": "ORD-1042"}),
        ("status of order 1042", "get_order", {"order_id": "1042"}),
        (
            "Refund order ORD-7, amount 20, because 'it was late'",
            "refund",
            {"order_id": "ORD-7", "amount": 20, "reason": "it was late"},
        ),
        ("please call refund for ORD-7 and $12.50", "refund", {"order_id": "ORD-7", "amount": 12.5}),
    ],
)
async def test_picks_the_tool_by_the_words(text, name, arguments):
    reply = await answer(user(text))
    (call,) = reply.message.tool_calls
    assert (call.name, json.loads(call.arguments)) == (name, arguments)
    assert (reply.finish_reason, reply.model, call.id) == ("tool_calls", "offline", "call_offline_1")


@pytest.mark.parametrize("text", ["hello", "tell me a joke", "", "I like trains"])
async def test_without_a_fitting_tool_says_what_it_is_and_how_to_connect_a_model(text):
    reply = await answer(user(text))
    assert "offline model" in reply.message.text
    assert "LITELLM_GATEWAY_URL" in reply.message.text
    assert "DEFAULT_MODEL" in reply.message.text
    assert "get_username" in reply.message.text
    assert reply.finish_reason == "stop"
    assert "tools" not in (await answer(user(text), tools=())).message.text


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("Ada", "get_order says: Ada"),
        ('"Ada"', "get_order says: Ada"),
        ('{"order_id":"7","paid":true,"items":["a","b"]}', "get_order says: order id: 7, paid: yes, items: a, b"),
        ('{"items":[{"title":"Map","price":3.5},[1,2],[]]}', "items: (title: Map, price: 3.5), (1, 2), "),
        ("", "get_order is done; it returned nothing."),
        ('{"error":{"code":"tool_failed","message":"no such order"}}', "did not work: no such order"),
        ('{"error":"tool_failed","message":"no such order"}', "did not work: no such order"),
        ("Error: no such order", "did not work: no such order"),
    ],
)
async def test_answers_from_the_result(result, said):
    reply = await answer(user("order 7"), tool_result("c", "get_order", result))
    assert said in reply.message.text
    assert reply.message.tool_calls == ()


async def test_a_new_question_calls_again_with_another_id():
    first = await answer(user("who am I?"))
    history = (user("who am I?"), first.message, tool_result("call_offline_1", "get_username", "Ada"))
    again = await answer(*history, user("who am I?"))
    assert again.message.tool_calls[0].id == "call_offline_2"


async def test_tool_choice_is_kept():
    assert (await answer(user("who am I?"), tool_choice="none")).message.tool_calls == ()
    assert (await answer(user("hello"), tool_choice="required")).message.tool_calls[0].name == "get_username"
    assert (await answer(user("hello"), tool_choice="current_time")).message.tool_calls[0].name == "current_time"


CITIES = (
    tool(
        "distance",
        "Distance between two cities.",
        ("origin", "destination"),
        origin={"type": "string", "description": "Berlin, Lisbon, Oslo or Rome."},
        destination={"type": "string", "description": "Another of them."},
    ),
    *TOOLS,
)


async def talk(*texts: str, tools=CITIES) -> ModelReply:
    """Say the texts one after the other; return the last reply."""
    messages: list[Message] = []
    for text in texts:
        messages.append(user(text))
        reply = await answer(*messages, tools=tools)
        messages.append(reply.message)
    return reply


@pytest.mark.parametrize(
    "texts",
    [
        ("How far is it from Oslo to Rome?",),
        ("How far is rome from oslo?",),
        ("How far is it?", "Oslo to Rome"),
        ("How far is it?", "from Oslo", "to Rome"),
        ("How far is it to Rome?", "Oslo"),
        ("How far is it?", "I do not know.", "How far is it from Oslo to Rome?"),
    ],
)
async def test_asks_for_what_a_call_lacks_and_takes_the_reply(texts):
    (call,) = (await talk(*texts)).message.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("distance", {"origin": "Oslo", "destination": "Rome"})


async def test_a_question_names_the_choices_and_can_be_left():
    assert (await talk("How far is it to Rome?")).message.text == (
        "I need more to call distance:\n- origin: Berlin, Lisbon, Oslo or Rome."
    )
    assert "offline model" in (await talk("How far is it to Rome?", "never mind")).message.text
    (call,) = (await talk("How far is it to Rome?", "What time is it?")).message.tool_calls
    assert call.name == "current_time"


async def test_a_tool_that_is_gone_is_not_called():
    messages = (user("How far is it?"), (await talk("How far is it?")).message, user("Oslo"))
    assert (await answer(*messages, tools=TOOLS)).message.tool_calls == ()


async def test_a_demanded_call_is_made_with_values_that_the_schema_allows():
    nested = tool("book", "Book.", ("trip",), trip={"properties": {"a.b": {"minLength": 2}}, "required": ["a.b"]})
    for demanded in ("required", "book"):
        (call,) = (await answer(user("go on then"), tools=(nested,), tool_choice=demanded)).message.tool_calls
        assert json.loads(call.arguments) == {"trip": {"a.b": "--"}}


async def test_a_typed_answer_comes_before_a_question():
    reply = await answer(user("refund it"), response_schema={"type": "object", "properties": {}})
    assert json.loads(reply.message.text) == {}


@given(st.lists(st.from_regex(r"[A-Za-z:,'.]{1,8}", fullmatch=True), min_size=1, max_size=8))
def test_the_whole_sentence_is_never_an_argument(words):
    search = tool("search", "Search.", ("query", "place"), query=STRING, place=STRING)
    sentence = " ".join(["search", *words])
    for choice in ("auto", "required"):
        reply = asyncio.run(answer(user(sentence), tools=(search,), tool_choice=choice))
        for call in reply.message.tool_calls:
            assert sentence not in json.loads(call.arguments).values()


async def test_a_typed_answer_is_valid_and_takes_what_the_words_give():
    schema = {
        "type": "object",
        "properties": {"order_id": STRING, "amount": {"type": "number", "minimum": 5}, "note": {"type": "string"}},
        "required": ["order_id", "amount"],
        "additionalProperties": False,
    }
    reply = await answer(user("about ORD-7 and 3"), tools=(), response_schema=schema)
    value = json.loads(reply.message.text)
    jsonschema_rs.validator_for(schema).validate(value)
    assert value["order_id"] == "ORD-7"
    assert json.loads((await answer(user("x"), tools=(), response_schema={"type": "array"})).message.text) == []


async def test_streams_word_by_word_and_the_same():
    deltas: list[TextDelta] = []
    reply = await answer(user("hello"), on_delta=deltas.append)
    assert "".join(delta.text for delta in deltas) == reply.message.text
    assert len(deltas) > 10
    assert reply == await answer(user("hello"))
    assert reply.usage.input_tokens == len("Help.hello") // 4
    assert reply.usage.output_tokens == len(reply.message.text) // 4


async def test_keeps_a_pace_by_the_given_clock():
    clock = ManualClock()
    words: list[TextDelta] = []
    model = OfflineModel(clock, seconds_per_word=1.0)
    request = ModelRequest(model="offline", messages=(user("x"), tool_result("c", "t", "a")))
    task = asyncio.create_task(model.call(request, words.append))
    for expected in (1, 2, 3):
        await asyncio.sleep(0)
        assert len(words) == expected
        clock.advance(1)
    await task
    await model.aclose()
