"""A gateway calls chat completions or the Responses API, as the request, the URL or the model says."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from journeyman.egress.services import Services
from journeyman.egress.transport import FakeReply, FakeTransport
from journeyman.errors import ServiceError
from journeyman.events.messages import Message, Owner, ToolCall, tool_result, user
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.gateway.gateway import Gateway
from journeyman.llm.gateway.wire_choices import WireChoices
from tests.unit.llm.gateway.test_gateway import Half, PatientClock, Setup, plain
from tests.unit.llm.gateway.test_learned import body, refused

WANTED = refused("Function tools are not supported for m in /v1/chat/completions. Please use /v1/responses instead.")
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"}


def request(**fields: Any) -> ModelRequest:
    return ModelRequest(**{"model": "m", "messages": (user("hi"),), **fields})


def response(text: str = "hello", *more: dict[str, Any]) -> FakeReply:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return FakeReply(json.dumps({"status": "completed", "output": [*more, said]}).encode())


def made(transport: FakeTransport, url: str, **options: Any) -> Gateway:
    clock = PatientClock()
    destination = Services(clock=clock, rng=Half(), retries=0).gateway(url)
    return Gateway(
        transport, url, "sk-secret", guard=destination.guard, timeouts=destination.timeouts, clock=clock, **options
    )


def endpoints(setup: Setup) -> list[str]:
    return [sent.url.removeprefix("http://gateway.example:4000/v1") for sent in setup.transport.requests]


async def test_the_model_is_asked_for_the_api_once(caplog: pytest.LogCaptureFixture) -> None:
    setup = Setup(WANTED, response(), response())
    with caplog.at_level(logging.WARNING):
        replies = [await setup.gateway.call(request()) for _ in range(2)]
    assert [reply.message.text for reply in replies] == ["hello", "hello"]
    assert endpoints(setup) == ["/chat/completions", "/responses", "/responses"]
    assert setup.gateway.learned.figures() == {"m": WireChoices(responses=True)}
    assert caplog.text.count("it is called by the Responses API") == 1
    setup.gateway.learned.forget()
    setup.transport.script(plain())
    await setup.gateway.call(request())
    assert endpoints(setup)[-1] == "/chat/completions"


async def test_a_404_that_asks_for_the_api_is_understood() -> None:
    only = refused("This model is only supported in v1/responses and not in v1/chat/completions.", "model", 404)
    setup = Setup(only, response())
    assert (await setup.gateway.call(request())).message.text == "hello"


async def test_a_404_that_names_a_parameter_is_answered_without_it() -> None:
    setup = Setup(refused("No endpoints found that support temperature", status=404), plain())
    assert (await setup.gateway.call(request(temperature=0.5))).message.text == "hello"
    assert "temperature" not in body(setup.transport.requests[1])


async def test_other_404s_are_told_and_change_nothing() -> None:
    setup = Setup(refused("The model `m` does not exist", "model", 404))
    with pytest.raises(ServiceError, match="check the model's name") as caught:
        await setup.gateway.call(request(temperature=0.5))
    assert (caught.value.code, len(setup.transport.requests)) == ("gateway_rejected", 1)


async def test_the_request_says_which_api_it_wants() -> None:
    setup = Setup(response(), WANTED)
    await setup.gateway.call(request(api="responses"))
    with pytest.raises(ServiceError):
        await setup.gateway.call(request(api="chat"))
    assert endpoints(setup) == ["/responses", "/chat/completions"]
    assert setup.gateway.learned.figures() == {}, "what is set is not learned"


async def test_what_was_learned_does_not_hold_for_a_request_that_says_chat() -> None:
    setup = Setup(WANTED, response(), plain())
    await setup.gateway.call(request())
    await setup.gateway.call(request(api="chat"))
    assert endpoints(setup)[-1] == "/chat/completions"


async def test_a_url_of_the_api_says_so_too() -> None:
    setup = Setup(response(), plain(), url="http://gateway.example:4000/v1/responses/?v=1")
    await setup.gateway.call(request())
    await setup.gateway.call(request(api="chat"))
    assert endpoints(setup) == ["/responses?v=1", "/chat/completions?v=1"]


async def test_a_key_in_the_query_goes_to_both() -> None:
    setup = Setup(response())
    gateway = made(setup.transport, "http://gateway.example:4000/v1", query="key")
    await gateway.call(request(api="responses"))
    assert endpoints(setup) == ["/responses?key=sk-secret"]


async def test_a_gateway_without_the_api_says_what_to_check() -> None:
    setup = Setup(WANTED, FakeReply(b'{"error": {"message": "no such page"}}', status=404))
    with pytest.raises(ServiceError, match=r"its Responses API \(404\).*`api` in `model`") as caught:
        await setup.gateway.call(request())
    assert caught.value.code == "gateway_rejected"
    assert setup.gateway.learned.figures() == {}


async def test_a_thread_that_changes_its_api_sends_no_field_of_the_other() -> None:
    thinking = {"content": "first", "reasoning_content": "hm"}
    chat = FakeReply(json.dumps({"choices": [{"message": thinking, "finish_reason": "stop"}]}).encode())
    setup = Setup(chat, WANTED, response("second", REASONING), response("third"), plain())
    thread: list[Message] = [user("a")]
    replies: list[ModelReply] = []
    for api in ("auto", "auto", "auto", "chat"):
        replies.append(await setup.gateway.call(request(messages=tuple(thread), api=api)))
        thread += [replies[-1].message, user("more")]
    assert [reply.message.owner for reply in replies[:2]] == [Owner("m"), Owner("m", "", "responses")]
    bodies = [body(sent) for sent in setup.transport.requests]
    assert bodies[1]["messages"][1]["reasoning_content"] == "hm"
    assert bodies[2]["input"][1] == {"type": "message", "role": "assistant", "content": "first"}
    assert bodies[3]["input"][3] == REASONING
    assert bodies[4]["messages"][1] == {**thinking, "role": "assistant"}
    assert bodies[4]["messages"][3] == {"role": "assistant", "content": "second"}


async def test_text_is_streamed_and_a_reply_that_is_not_streamed_is_shown_at_once() -> None:
    events = [{"type": "response.output_text.delta", "delta": piece} for piece in ("hel", "lo")]
    last = {"type": "response.completed", "response": {"status": "completed", "output": []}}
    data = [f"data: {json.dumps(event)}\n\n".encode() for event in (*events, last)]
    setup = Setup(FakeReply(data, headers={"content-type": "text/event-stream"}), response("whole"))
    for _ in range(2):
        await setup.gateway.call(request(api="responses"), setup.deltas.append)
    assert setup.deltas == [TextDelta("hel"), TextDelta("lo"), TextDelta("whole")]
    assert body(setup.transport.requests[0])["stream"] is True


@pytest.mark.parametrize(("api", "answer"), [("chat", plain), ("responses", response)])
async def test_a_model_that_does_not_stream_is_asked_for_a_whole_reply(api: str, answer: Any) -> None:
    verify = refused("Your organization must be verified to stream this model.", "stream")
    setup = Setup(verify, answer("whole"), answer("again"))
    for _ in range(2):
        await setup.gateway.call(request(api=api), setup.deltas.append)
    assert [delta.text for delta in setup.deltas] == ["whole", "again"]
    assert ["stream" in body(sent) for sent in setup.transport.requests] == [True, False, False]
    assert "stream_options" not in body(setup.transport.requests[-1])


async def test_items_that_a_model_refuses_are_left_out_of_this_request_alone() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "t", "arguments": "{}"}
    asked = Setup(response("hm", REASONING, call))
    reply = (await asked.gateway.call(request(api="responses"))).message
    assert reply.tool_calls == (ToolCall("c", "t", "{}", extra={"id": "fc_1"}),)
    thread = (user("a"), reply, tool_result("c", "t", "r"))
    refusal = refused("Item with id 'rs_1' not found.", "input", 404)
    setup = Setup(refusal, response(), response())
    for _ in range(2):
        await setup.gateway.call(request(messages=thread, api="responses"))
    sent = [[item.get("type") for item in body(one)["input"]] for one in setup.transport.requests]
    as_they_came = [None, "reasoning", "function_call", "message", "function_call_output"]
    assert sent == [as_they_came, [None, "message", "function_call", "function_call_output"], as_they_came]


async def test_a_fallback_at_another_gateway_chooses_its_own_api() -> None:
    first, other = FakeTransport(*[FakeReply(b"", status=500)] * 5), FakeTransport(plain("from elsewhere"))
    others = {"other": made(other, "http://other.example/v1", name="other")}
    gateway = made(first, "http://gateway.example/v1", others=others)
    asked = request(api="responses", fallbacks=("n",), fallback_gateways=("other",))
    for _ in range(5):
        try:
            reply = await gateway.call(asked)
        except ServiceError:
            continue
        break
    assert reply.message.text == "from elsewhere"
    assert {sent.url for sent in first.requests} == {"http://gateway.example/v1/responses"}
    assert [sent.url for sent in other.requests] == ["http://other.example/v1/chat/completions"]
