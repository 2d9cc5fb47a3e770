"""A gateway whose replies have opaque fields. It is used when 0.1 records a journal, and when today's code goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

REPLIES: dict[str, tuple[str, dict[str, Any]]] = {  # by the first words of a thread: the model reported, the choice
    "think": ("m", {"message": {"content": "thought", "reasoning_content": "hm"}, "finish_reason": "stop"}),
    "alias": ("m-2026-01-01", {"message": {"content": "thought", "reasoning_content": "hm"}, "finish_reason": "stop"}),
    "refund": (
        "m",
        {
            "message": {
                "content": None,
                "reasoning_content": "hm",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": '{"amount": 5}'}}
                ],
            },
            "finish_reason": "tool_calls",
        },
    ),
    "purge": (
        "m",
        {
            "message": {
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "purge", "arguments": ""}}],
            },
            "finish_reason": "length",
        },
    ),
    "empty": ("m", {"message": {"content": ""}, "finish_reason": "stop"}),
}
CUT_REPLIES: dict[str, tuple[str, dict[str, Any]]] = {
    "asked": (
        "m",
        {
            "message": {
                "content": None,
                "reasoning_content": "hm",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": '{"amount": 5}'}}
                ],
            },
            "finish_reason": "length",
        },
    ),
    "ran": REPLIES["purge"],
    "think": REPLIES["think"],
}
AFTERWARDS = ("m", {"message": {"content": "done"}, "finish_reason": "stop"})


class ReplyingGateway:
    """`async with ReplyingGateway() as gateway`. `requests` holds the messages of the requests, by a thread's words."""

    def __init__(self, replies: Mapping[str, tuple[str, dict[str, Any]]] = REPLIES) -> None:
        self._replies = replies
        self.requests: dict[str, list[list[dict[str, Any]]]] = {}

    async def __aenter__(self) -> ReplyingGateway:
        app = web.Application()
        app.router.add_post("/chat/completions", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        messages = (await request.json())["messages"]
        words = next(message["content"] for message in messages if message["role"] == "user").split()[0]
        seen = self.requests.setdefault(words, [])
        seen.append(messages)
        model, choice = (
            AFTERWARDS if messages[-1]["role"] == "tool" or "more" in messages[-1]["content"] else self._replies[words]
        )
        usage = {"prompt_tokens": 5, "completion_tokens": 2}
        return web.json_response({"model": model, "choices": [{"index": 0, **choice}], "usage": usage})
