from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from journeyman.clock import ManualClock
from journeyman.errors import ConfigurationError, ServiceError, ServiceTimeoutError
from journeyman.events.messages import ToolCall, Usage, tool_result, user
from journeyman.llm.client import ModelRequest, TextDelta
from journeyman.llm.fake.scripted import ScriptedModel, Turn


def ask(text: str = "hi") -> ModelRequest:
    return ModelRequest(model="m", messages=(user(text),))


async def failure(model: ScriptedModel, text: str = "hi") -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await model.call(ask(text))
    return caught.value


async def test_says_its_turns_in_order():
    calls = [{"name": "add", "arguments": {"a": 1}}, {"name": "raw", "arguments": "{oops", "id": "x"}, {"name": "t"}]
    model = ScriptedModel([{"tool_calls": calls}, Turn(text="done", usage=Usage(3, 4))])
    first, second = await model.call(ask()), await model.call(ask("more"))
    assert first.message.tool_calls == (
        ToolCall("call_1_1", "add", '{"a":1}'),
        ToolCall("x", "raw", "{oops"),
        ToolCall("call_1_3", "t", "{}"),
    )
    assert (first.finish_reason, second.finish_reason, second.usage) == ("tool_calls", "stop", Usage(3, 4))
    assert (second.message.text, model.unused) == ("done", ())
    assert [request.messages[0].text for request in model.requests] == ["hi", "more"]


async def test_an_exhausted_script_is_an_error():
    model = ScriptedModel([{"text": "a"}, {"text": "b", "when": "^never$"}])
    await model.call(ask())
    error = await failure(model)
    assert error.code == "script_exhausted"
    assert "it has 2 turns" in error.message
    assert "the 1 left do not fit 'hi'" in error.message
    assert len(model.unused) == 1
    assert "call 1: it has 0 turns" in (await failure(ScriptedModel([]))).message


async def test_a_turn_waits_for_a_matching_text():
    model = ScriptedModel([{"text": "late", "when": "sum is \\d"}, {"text": "early"}])
    assert (await model.call(ask())).message.text == "early"
    request = ModelRequest(model="m", messages=(user("hi"), tool_result("c", "t", "the sum is 7")))
    assert (await model.call(request)).message.text == "late"


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("rate_limit", "gateway_rate_limited"),
        ("timeout", "gateway_timeout"),
        (500, "gateway_error"),
        ("malformed_json", "gateway_bad_reply"),
        ("cut_stream", "gateway_cut_stream"),
        ("auth", "gateway_auth"),
    ],
)
async def test_errors_have_the_gateways_codes(word, code):
    assert (await failure(ScriptedModel([{"error": word}]))).code == code


async def test_a_cut_stream_has_sent_half_of_the_text():
    deltas: list[TextDelta] = []
    model = ScriptedModel([{"error": "cut_stream", "text": "one two three"}, {"text": "one two"}])
    with pytest.raises(ServiceError):
        await model.call(ask(), deltas.append)
    assert "".join(delta.text for delta in deltas) == "one tw"
    deltas.clear()
    await model.call(ask(), deltas.append)
    assert deltas == [TextDelta("one "), TextDelta("two")]


async def test_delays_by_the_given_clock():
    clock = ManualClock()
    task = asyncio.create_task(ScriptedModel([{"error": "timeout", "delay_ms": 500}], clock=clock).call(ask()))
    await asyncio.sleep(0)
    assert not task.done()
    clock.advance(0.5)
    with pytest.raises(ServiceTimeoutError):
        await task


def test_every_wrong_turn_is_named():
    with pytest.raises(ConfigurationError) as caught:
        ScriptedModel([{"text": 3}, {"txt": "a"}, {"error": "boom"}, {"when": "("}, {"text": "fine"}, "x"])
    assert [problem.message[:6] for problem in caught.value.problems] == [f"turn {n}" for n in (1, 2, 3, 4, 6)]


async def test_from_a_file(tmp_path: Path):
    path = tmp_path / "script.yaml"
    path.write_text("- tool_calls: [{name: add, arguments: {a: 1}}]\n  usage: {input_tokens: 3}\n- error: 500\n")
    model = ScriptedModel.from_file(path)
    reply = await model.call(ask())
    assert (reply.model, reply.usage.input_tokens) == (f"script:{path}", 3)
    assert (await failure(model)).code == "gateway_error"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("text: hi", "not a list"),
        ("", "not a list"),
        ("- [", "not YAML"),
        ("- &a {text: x}\n- *a\n", "aliases are not allowed"),
        ("- !!python/object:os.system {}", "could not determine a constructor"),
        ("- text: \x01", "not YAML"),
        ("[" * 400, "not YAML"),
        ("#" * (2 << 20), "larger than"),
    ],
)
def test_a_file_that_is_no_script(tmp_path: Path, text: str, reason: str):
    path = tmp_path / "script.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=reason):
        ScriptedModel.from_file(path)


def test_a_file_that_is_not_there():
    with pytest.raises(ConfigurationError, match="No such file"):
        ScriptedModel.from_file("/nowhere/script.yaml")


async def test_a_request_may_name_its_turn():
    model = ScriptedModel([{"text": "a"}, {"text": "b", "when": "^never$"}, {"text": "c"}])
    assert [model.next_turn(ask(), used) for used in ((), {1}, {1, 3}, {3})] == [1, 3, 0, 1]
    named = ModelRequest(model="m", messages=(user("hi"),), turn=3)
    assert [(await model.call(named)).message.text for _ in range(2)] == ["c", "c"]
    assert (await model.call(ask())).message.text == "a", "a call that names none takes the next one"
    with pytest.raises(ServiceError, match="no turn left in this thread that fits 'hi': it has 3 turns") as caught:
        await model.call(ModelRequest(model="m", messages=(user("hi"),), turn=0))
    assert caught.value.code == "script_exhausted"
