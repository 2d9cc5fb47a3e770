"""Plays the reply shapes of real servers through the gateway client and a whole run in memory."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from journeyman import tool
from journeyman.agents.output import OutputSchema
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, ModelSettings, Output
from journeyman.agents.toolset import Toolset
from journeyman.clock import ManualClock
from journeyman.egress.services import Services
from journeyman.egress.transport import FakeReply, FakeTransport, Request, cut_off
from journeyman.events.events import Event, ModelReplied, ToolCallFinished, ToolCallStarted
from journeyman.events.messages import Message, user
from journeyman.llm.gateway.gateway import Gateway
from journeyman.runtime.use_cases.requests import RunResult, StartRun
from tests.harness.runtime_in_memory import RuntimeInMemory
from tests.wires.response_forms import is_response, response_body

SHAPES = Path(__file__).parent / "shapes"
URL = "http://gateway.example/v1"
ANSWER = "Grüße 😀, the answer is 42."
Form = Literal["plain", "streamed"]
Shape = dict[str, Any]
_ANY = object()  # any value of a key
_COMPLETION = {"message": {"content": ANSWER}, "finish": "stop"}
_TEXT = {"type": "output_text", "text": ANSWER, "annotations": []}
_RESPONSE = {
    "output": [{"type": "message", "id": "msg_0", "status": "completed", "role": "assistant", "content": [_TEXT]}],
    "status": "completed",
}


@tool(effects="none")
async def lookup(city: str) -> str:
    """Look up a city."""
    return f"{city} is sunny"


@tool(effects="none")
async def now() -> str:
    """Tell the time."""
    return "12:00"


@tool(effects="none")
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(effects="none")
async def purge(folder: str = "everything") -> str:
    """Delete a folder."""
    return f"{folder} is gone"


class Played(msgspec.Struct, frozen=True):
    """What came of a shape: the run's result and events, and the bodies of the requests."""

    result: RunResult
    events: list[Event]
    requests: list[dict[str, Any]]

    @property
    def replies(self) -> list[ModelReplied]:
        """The model's replies."""
        return [event for event in self.events if isinstance(event, ModelReplied)]

    @property
    def calls(self) -> list[list[Any]]:
        """The calls that ran, in the order in which they were asked for."""
        ran = {event.call: [event.tool, event.arguments] for event in self.events if isinstance(event, ToolCallStarted)}
        return [ran[call] for call in sorted(ran)]

    @property
    def failures(self) -> list[str]:
        """The codes of the calls that failed or did not run."""
        finished = (event for event in self.events if isinstance(event, ToolCallFinished))
        return [event.error.code for event in finished if event.error is not None]

    @property
    def first(self) -> Message:
        """The first reply's message."""
        return self.replies[0].message


class ShapeRuntime(RuntimeInMemory):
    """A runtime whose agent has the shape's model settings and typed answer."""

    def __init__(self, shape: Shape, *rest: Any) -> None:
        super().__init__(*rest)
        self._shape = shape

    def spec(self) -> AgentSpec:
        output = Output(**self._shape["output"]) if "output" in self._shape else None
        model = ModelSettings(name="scripted", **self._shape.get("model", {}))
        return msgspec.structs.replace(super().spec(), model=model, output=output)

    def build(self, spec: AgentSpec) -> ReactAgent:
        check = OutputSchema(spec.output.schema, unique_keys=True).check if spec.output else None
        toolset = Toolset(spec.tools, self.registry.check_arguments)
        return ReactAgent(spec, toolset, lambda state: spec.prompt, check)


class NeverWaiting(ManualClock):
    """A clock that sleeps no time."""

    async def sleep(self, seconds: float) -> None:
        return None


def shapes() -> Iterator[Shape]:
    """Return every shape of the folder `shapes`."""
    for file in sorted(SHAPES.glob("*.json")):
        yield from json.loads(file.read_text())


async def play(shape: Shape, form: Form) -> Played:
    """Run an agent against a server that replies as the shape says."""
    transport = FakeTransport(*(_server(shape, form),) * 20)
    services = Services(clock=NeverWaiting(), rng=random.Random(1))
    destination = services.gateway(URL)
    gateway = Gateway(
        transport, URL, None, guard=destination.guard, timeouts=destination.timeouts, clock=NeverWaiting()
    )
    tools = [lookup, now, add, purge, *map(_tool_named, shape.get("tools", ()))]
    async with ShapeRuntime(shape, gateway, tools) as runtime:
        started = await runtime.runs.start("local", StartRun(input=user("go"), stream=form == "streamed"))
        result = await runtime.runs.wait(started.run_id, 10)
        entries = await runtime.journal.read(started.run_id)
    bodies = [json.loads(request.body) for request in transport.requests]
    return Played(result, [entry.event for entry in entries], bodies)


def problems(shape: Shape, form: Form, played: Played) -> list[str]:
    """Return what is not as the shape expects."""
    expect, result = shape["expect"], played.result
    failed = result.error.code if result.error else None
    if failed and failed in expect.get("error_codes", ()):
        message = result.error.message if result.error else ""
        return [] if f"`{expect.get('named', '')}`" in f"{message}``" else [f"{shape['name']} {form}: {message}"]
    found: dict[str, Any] = {
        "answer": result.response,
        "calls": played.calls,
        "failures": played.failures,
        "usage": [result.usage.input_tokens, result.usage.output_tokens],
        "finish_reason": result.finish_reason,
        "retried": len(played.requests) > len(played.replies),
        "ids": [call.id for call in played.first.tool_calls] if played.replies else [],
        "first_finish_reason": played.replies[0].finish_reason if played.replies else None,
        "extra": played.first.extra if played.replies else None,
        "call_extra": [call.extra for call in played.first.tool_calls] if played.replies else None,
    }
    wanted = {"answer": ANSWER, "calls": [], "retried": False, **{key: expect[key] for key in found if key in expect}}
    wrong = [f"{key}: {found[key]!r} instead of {value!r}" for key, value in wanted.items() if found[key] != value]
    return [f"{shape['name']} {form}: {line}" for line in ([f"failed with {failed}"] if failed else []) + wrong]


def _tool_named(name: str) -> Any:
    async def made() -> str:
        """Do something."""
        return name

    made.__name__ = name
    return tool(effects="none")(made)


def _server(shape: Shape, form: Form) -> Any:
    replies = iter(shape[form])

    def answer(request: Request) -> FakeReply:
        body = json.loads(request.body)
        for refusal in shape.get("refuses", ()):
            if _has(body, refusal["key"], refusal.get("value", _ANY)):
                return encoded(refusal, form)
        usual = _RESPONSE if request.url.endswith("/responses") else _COMPLETION
        return encoded(next(replies, usual), form)

    return answer


def _has(body: Any, key: str, value: Any) -> bool:
    if isinstance(body, dict):
        held = key in body and (value is _ANY or body[key] == value)
        return held or any(_has(item, key, value) for item in body.values())
    return isinstance(body, list) and any(_has(item, key, value) for item in body)


def encoded(reply: dict[str, Any], form: Form = "plain") -> FakeReply:
    """Return a reply of a shape as the transport gives it."""
    body, content_type = response_body(reply, form == "streamed") if is_response(reply) else _body(reply)
    if reply.get("gzip"):
        body = gzip.compress(body, mtime=0)
    headers = {"content-type": reply.get("type", content_type), **reply.get("headers", {})}
    pieces: list[Any] = [body[:7], body[7:]] if form == "streamed" else [body]
    status = 200 if is_response(reply) else reply.get("status", 200)
    return FakeReply([*pieces, cut_off(URL)] if reply.get("cut") else pieces, status=status, headers=headers)


def _body(reply: dict[str, Any]) -> tuple[bytes, str]:
    if "text" in reply:
        return reply["text"].encode(), "application/json"
    if "chunks" in reply:
        done = ["data: [DONE]\n\n"] if reply.get("done", True) else []
        return "".join([*map(_event, reply["chunks"]), *done]).encode(), "text/event-stream"
    return json.dumps(reply["json"] if "json" in reply else completion(reply)).encode(), "application/json"


def completion(reply: dict[str, Any]) -> dict[str, Any]:
    """Return a complete reply with one choice."""
    known = ("message", "finish", "status", "headers", "type", "gzip", "cut")
    choice = {"index": 0, "message": {"role": "assistant", **reply["message"]}, "finish_reason": reply["finish"]}
    rest = {key: value for key, value in reply.items() if key not in known}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **rest}


def _event(chunk: dict[str, Any] | str) -> str:
    if isinstance(chunk, str):
        return chunk
    if "delta" in chunk:
        rest = {key: value for key, value in chunk.items() if key not in ("delta", "finish")}
        choice = {"index": 0, "delta": chunk["delta"], "finish_reason": chunk.get("finish")}
        chunk = {"object": "chat.completion.chunk", "model": "m", "choices": [choice], **rest}
    return f"data: {json.dumps(chunk)}\n\n"
