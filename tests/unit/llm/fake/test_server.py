from __future__ import annotations

import inspect
import json
import random
from typing import Any

import pytest

from journeyman.clock import ManualClock
from journeyman.egress.services import Services
from journeyman.egress.transport import Exchange, FakeReply, FakeTransport, Request, cut_off
from journeyman.errors import ServiceError
from journeyman.events.messages import ImagePart, Message, Owner, TextPart, ToolCall, Usage, assistant, system, user
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta, ToolDefinition
from journeyman.llm.fake.replay import ReplayModel
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.llm.fake.server import ASGIApp, fake_llm_app
from journeyman.llm.gateway.gateway import Gateway


async def fetch(app: ASGIApp, method: str, path: str, body: bytes = b"") -> FakeReply:
    """The app's response; a closed connection is an incomplete body."""
    sent: list[Any] = []
    parts = [{"type": "http.request", "body": body[:5], "more_body": True}, {"type": "http.request", "body": body[5:]}]

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    end: list[Exception] = []
    try:
        await app({"type": "http", "method": method, "path": path}, receive, send)
    except Exception:  # noqa: BLE001 (a server closes the connection whatever the app raises)
        end = [cut_off("http://fake")]
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return FakeReply([*(one["body"] for one in sent[1:]), *end], status=sent[0]["status"], headers=headers)


class AppTransport:
    """A transport that sends requests to an ASGI app in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def send(self, request: Request) -> Exchange:
        return _AppExchange(self._app, request)

    async def aclose(self) -> None:
        return None


class _AppExchange:
    def __init__(self, app: ASGIApp, request: Request) -> None:
        self._app = app
        self._request = request

    async def __aenter__(self) -> Any:
        path = self._request.url.removeprefix("http://fake")
        reply = await fetch(self._app, self._request.method, path, self._request.body)
        self._exchange = FakeTransport(reply).send(self._request)
        return await self._exchange.__aenter__()

    async def __aexit__(self, *problem: Any) -> None:
        await self._exchange.__aexit__(*problem)


def gateway(model, max_retries: int = 0, path: str = "/v1") -> Gateway:
    app = fake_llm_app(model, clock=ManualClock())
    clock = ManualClock()
    to = Services(clock=clock, rng=random.Random(1), retries=max_retries).gateway(f"http://fake{path}")
    return Gateway(AppTransport(app), f"http://fake{path}", guard=to.guard, timeouts=to.timeouts, clock=clock)


ASK = ModelRequest(model="m", messages=(user("hi"),))
REPLY = ModelReply(
    message=Message(
        role="assistant",
        content=(TextPart("two words"),),
        tool_calls=(
            ToolCall("a", "t", "{}", extra={"extra_content": 1, "function": {"x": 2}}),
            ToolCall("b", "t", "{bad"),
        ),
        extra={"reasoning_content": "hm"},
        owner=Owner("m"),
    ),
    model="m",
    usage=Usage(3, 4, 1),
    finish_reason="tool_calls",
)


@pytest.mark.parametrize("path", ["/v1", ""])
async def test_a_reply_survives_the_way_through_server_and_client(path):
    client = gateway(ReplayModel([REPLY, REPLY]), path=path)
    deltas: list[TextDelta] = []
    assert await client.call(ASK) == REPLY
    assert await client.call(ASK, deltas.append) == REPLY
    assert deltas == [TextDelta("two words")]


async def test_content_that_is_not_only_text_survives_as_it_came():
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "two words"}]
    message = Message(role="assistant", content=(TextPart("two words"),), extra={"content": parts}, owner=Owner("m"))
    reply = ModelReply(message=message, model="m")
    client = gateway(ReplayModel([reply, reply]))
    assert (await client.call(ASK)).message == message
    assert (await client.call(ASK, lambda delta: None)).message == message


async def test_a_request_survives_too():
    asked = ModelRequest(
        model="m",
        messages=(
            system("s"),
            Message(role="user", content=(TextPart("see"), ImagePart("https://x/i.png"))),
            assistant("", ToolCall("c", "t", '{"a":1}')),
            Message(role="tool", content=(TextPart("r"),), tool_call_id="c", name="t"),
        ),
        tools=(ToolDefinition("t", "does", {"type": "object"}),),
        tool_choice="t",
        temperature=0.5,
        max_tokens=9,
        response_schema={"type": "object"},
    )
    model = ScriptedModel([{"text": "ok"}])
    await gateway(model).call(asked)
    assert model.requests[0] == asked


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("rate_limit", "gateway_rate_limited"),
        ("timeout", "gateway_timeout"),
        ("500", "gateway_error"),
        ("malformed_json", "gateway_bad_reply"),
        ("cut_stream", "gateway_cut_stream"),
        ("auth", "gateway_auth"),
    ],
)
async def test_scripted_errors_reach_the_client_unchanged(word, code, streamed):
    client = gateway(ScriptedModel([{"error": word, "text": "some words to be cut"}]))
    deltas: list[TextDelta] = []
    with pytest.raises(ServiceError) as caught:
        await client.call(ASK, deltas.append if streamed else None)
    assert caught.value.code == code
    assert bool(deltas) == (streamed and word == "cut_stream")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/models", b"", 200),
        ("GET", "/models/", b"", 200),
        ("GET", "/v1/nothing", b"", 404),
        ("POST", "/v1/chat/completions", b"", 400),
        ("POST", "/v1/chat/completions", b"[]", 400),
        ("POST", "/v1/chat/completions", b'{"messages":[]}', 400),
        ("POST", "/v1/chat/completions", b'{"messages":[{"role":"wizard"}]}', 400),
        ("POST", "/v1/chat/completions", b'{"messages":' + b"[" * 99_999, 400),
        ("POST", "/chat/completions", b'{"messages":[{"role":"developer","content":"x"}]}', 200),
    ],
)
async def test_answers_with_the_statuses_of_the_protocol(method, path, body, status):
    reply = await fetch(fake_llm_app(ScriptedModel([{"text": "ok"}]), clock=ManualClock()), method, path, body)
    assert reply.status == status
    answer = json.loads(b"".join(reply.body))
    assert ("error" in answer) == (status != 200)


async def test_usage_is_streamed_only_when_asked():
    app = fake_llm_app(ScriptedModel([{"text": "a b"}]), clock=ManualClock())
    body = b'{"stream":true,"messages":[{"role":"user","content":"x"}]}'
    pieces = (await fetch(app, "POST", "/v1/chat/completions", body)).body
    assert not any(b'"usage"' in piece for piece in pieces)
    assert [piece for piece in pieces if piece][-1] == b"data: [DONE]\n\n"


async def test_an_exhausted_script_is_not_retried():
    app = fake_llm_app(ScriptedModel([]), clock=ManualClock())
    body = b'{"messages":[{"role":"user","content":"x"}]}'
    assert (await fetch(app, "POST", "/v1/chat/completions", body)).status == 400
    assert inspect.iscoroutinefunction(app.__call__)  # servers recognise ASGI 3 by this


async def test_it_closes_the_model_when_its_server_stops():
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return events.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await fake_llm_app(ScriptedModel([]), clock=ManualClock())({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
