"""A fake OpenAI-compatible gateway that counts, refuses what a strict provider refuses, and fails on demand."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from aiohttp import web

from tests.harness.scripted_replies import Step, next_reply, violations

_USAGE = {"prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28}


class FakeGateway:
    """`async with Gateway() as gateway`: it lives in the test's own loop and survives the server's death.

    `calls[marker, step]` counts requests; `refused` holds what was wrong with the histories that were sent.
    """

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, int]] = Counter()
        self.refused: list[str] = []
        self.histories: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._releases: dict[str, asyncio.Event] = {}
        self._reached: dict[str, asyncio.Event] = {}

    async def __aenter__(self) -> FakeGateway:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/chat/completions", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for event in self._releases.values():
            event.set()
        await self._runner.cleanup()

    def release(self, marker: str) -> None:
        """Let replies that hold for this marker go on, now and later."""
        self._event(self._releases, marker).set()

    async def reached(self, marker: str, seconds: float = 15) -> None:
        """Wait until a reply holds for this marker."""
        try:
            async with asyncio.timeout(seconds):
                await self._event(self._reached, marker).wait()
        except TimeoutError:
            raise AssertionError(f"the gateway was not asked to hold for {marker!r} in {seconds:g} s") from None

    def forget(self, marker: str) -> None:
        """Hold again, and count as not reached."""
        self._event(self._reached, marker).clear()
        self._event(self._releases, marker).clear()

    @staticmethod
    def _event(events: dict[str, asyncio.Event], marker: str) -> asyncio.Event:
        return events.setdefault(marker, asyncio.Event())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        messages = body["messages"]
        wrong = violations(messages)
        if wrong:
            self.refused += wrong
            return web.json_response({"error": {"message": "; ".join(wrong)}}, status=400)
        marker, number, step = next_reply(messages)
        self.calls[marker, number] += 1
        self.histories[marker, number] = messages
        if isinstance(step, dict) and "fault" in step:
            if self.calls[marker, number] <= step.get("times", 10**9):
                return await self._fail(request, body, step)
            step = step["then"]
        return await self._give(request, body, marker, number, step)

    # --- good replies

    async def _give(
        self, request: web.Request, body: dict[str, Any], marker: str, number: int, step: Step
    ) -> web.StreamResponse:
        """A reader that goes away in mid-reply is no fault of the gateway's."""
        try:
            return await self._reply(request, body, marker, number, step)
        except ConnectionError:
            return web.Response()

    async def _reply(
        self, request: web.Request, body: dict[str, Any], marker: str, number: int, step: Step
    ) -> web.StreamResponse:
        message, reason = _message(marker, number, step)
        options = step if isinstance(step, dict) else {}
        if not body.get("stream"):
            if "hold_after" in options:
                await self._hold(marker)
            return web.json_response(_completion(message, reason))
        response = await _open_stream(request)
        await _send(response, {"role": "assistant"})
        for place, call in enumerate(message.get("tool_calls") or ()):
            await _send(response, {"tool_calls": [{"index": place, **call}]})
        for place, piece in enumerate(_pieces(message.get("content") or "", options.get("chunks"))):
            if place == options.get("hold_after"):
                await self._hold(marker)
            await _send(response, {"content": piece})
            if options.get("interval"):
                await asyncio.sleep(options["interval"])
        await _send(response, {}, reason)
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _hold(self, marker: str) -> None:
        self._event(self._reached, marker).set()
        await self._event(self._releases, marker).wait()

    # --- faults

    async def _fail(self, request: web.Request, body: dict[str, Any], step: dict[str, Any]) -> web.StreamResponse:
        match step["fault"]:
            case int(status):
                return web.json_response({"error": {"message": "no"}}, status=status, headers=step.get("headers"))
            case "hang":
                await asyncio.sleep(step.get("seconds", 60))
                return web.json_response(_completion({"role": "assistant", "content": "late"}, "stop"))
            case "garbage":
                return web.Response(text="<html>not JSON", content_type="application/json")
            case "empty_choices":
                return await self._whole(request, body, {"id": "c", "choices": [], "usage": _USAGE})
            case "cut":
                return await self._cut(request, bool(body.get("stream")))
            case other:
                raise AssertionError(f"no such fault: {other!r}")

    async def _whole(self, request: web.Request, body: dict[str, Any], content: dict[str, Any]) -> web.StreamResponse:
        if not body.get("stream"):
            return web.json_response(content)
        response = await _open_stream(request)
        await response.write(b"data: " + json.dumps(content).encode() + b"\n\ndata: [DONE]\n\n")
        return response

    async def _cut(self, request: web.Request, streamed: bool) -> web.StreamResponse:
        """Some of the reply, then the connection is closed."""
        response = web.StreamResponse()
        if streamed:
            response.content_type = "text/event-stream"
        else:
            response.content_type, response.content_length = "application/json", 500
        await response.prepare(request)
        if streamed:
            await _send(response, {"role": "assistant", "content": "Half of"})
        else:
            await response.write(b'{"id": "c", "choices": [')
        await asyncio.sleep(0.05)
        if request.transport:
            request.transport.abort()
        return response


def _message(marker: str, number: int, step: Step) -> tuple[dict[str, Any], str]:
    if isinstance(step, dict) and "reply" in step:
        reply = {"role": "assistant", "content": None, **step["reply"]}
        return reply, "tool_calls" if reply.get("tool_calls") else "stop"
    if isinstance(step, list):
        calls = [
            {
                "id": f"call_{marker}_{number}_{place}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for place, (name, arguments) in enumerate(step)
        ]
        return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
    text = step["text"] * step.get("repeat", 1) if isinstance(step, dict) else step
    return {"role": "assistant", "content": text}, "stop"


def _completion(message: dict[str, Any], reason: str) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "fake", "choices": [choice], "usage": _USAGE}


def _pieces(text: str, chunks: int | None) -> list[str]:
    """The text in so many pieces of about equal length (default: by words)."""
    if not chunks:
        words = text.split(" ")
        return [word + " " for word in words[:-1]] + [words[-1]] if text else []
    size = -(-len(text) // chunks)
    return [text[at : at + size] for at in range(0, len(text), size)]


async def _open_stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    return response


async def _send(response: web.StreamResponse, delta: dict[str, Any], reason: str | None = None) -> None:
    chunk: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }
    if reason:
        chunk["usage"] = _USAGE
    await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
