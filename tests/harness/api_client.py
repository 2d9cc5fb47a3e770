"""A client of the public API that outlives the server: a lost connection means restart and ask again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.harness.real_server import RealServer

ENDED = ("finished", "failed", "cancelled")


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    def must(self, *statuses: int) -> Any:
        assert self.status in statuses, f"status {self.status}, wanted {statuses}: {self.body}"
        return self.body


class ServerGone(Exception):
    """The connection broke before the answer was whole."""


class ApiClient:
    """`on_gone(n)` is called when a connection to the n-th start of the server breaks; after it the same request is
    sent again. None: Gone is raised.

    `answered` maps the Idempotency-Key of every POST that was answered 200 or 202 to its run.
    """

    def __init__(self, server: RealServer, on_gone: Callable[[int], Awaitable[None]] | None = None) -> None:
        self.server, self.on_gone = server, on_gone
        self.answered: dict[str, str] = {}

    async def __aenter__(self) -> ApiClient:
        timeout = aiohttp.ClientTimeout(total=45)
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=timeout, trust_env=False
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def once(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        """One try. Raises Gone."""
        headers = {"Idempotency-Key": key} if key else {}
        try:
            async with self.http.request(method, self.server.url + path, json=body, headers=headers) as answer:
                text = await answer.text()
                content = json.loads(text) if text and "json" in answer.content_type else text
                return Answer(answer.status, content, {k.lower(): v for k, v in answer.headers.items()})
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as exc:
            raise ServerGone(f"{method} {path}: {exc}") from exc

    async def ask(self, method: str, path: str, body: Any = None, key: str | None = None, tries: int = 4) -> Answer:
        """Try until answered, through `on_gone`. A POST needs a key, else it is not safe to repeat."""
        for left in range(tries, 0, -1):
            seen = self.server.starts
            try:
                answer = await self.once(method, path, body, key)
                break
            except ServerGone:
                if self.on_gone is None or left == 1:
                    raise
                await self.on_gone(seen)
        if key and answer.status in (200, 202) and isinstance(answer.body, dict) and answer.body.get("run_id"):
            self.answered[key] = answer.body["run_id"]
        return answer

    async def get(self, path: str) -> Any:
        return (await self.ask("GET", path)).must(200)

    async def post(self, path: str, body: Any, key: str | None = None) -> Answer:
        return await self.ask("POST", path, body, key)

    async def start(self, text: str, key: str, *, agent: str = "worker", **body: Any) -> str:
        """Start a run in the background: its id."""
        content = {"user_input": text, "agent": agent, "background": True, **body}
        run = (await self.post("/process", content, key)).must(200, 202)["run_id"]
        assert isinstance(run, str)
        return run

    async def run(self, run_id: str) -> dict[str, Any]:
        body = await self.get(f"/runs/{run_id}")
        assert isinstance(body, dict)
        return body

    async def events(self, run_id: str) -> list[dict[str, Any]]:
        """All stored events of a run."""
        events: list[dict[str, Any]] = []
        while True:
            after = events[-1]["seq"] if events else 0
            page = await self.get(f"/runs/{run_id}/events?after={after}&limit=500")
            events += page["items"]
            if page["next_cursor"] is None:
                return events

    async def messages(self, thread_id: str) -> list[dict[str, Any]]:
        """The thread's messages, oldest first."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self.get(f"/threads/{thread_id}/messages?limit=100{cursor}")
            items += [item["message"] for item in page["items"]]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    async def until(self, run_id: str, statuses: tuple[str, ...] = ENDED, seconds: float = 30) -> dict[str, Any]:
        """Poll until the run's status is one of these."""
        end = time.monotonic() + seconds
        while True:
            run = await self.run(run_id)
            if run["status"] in statuses:
                return run
            if time.monotonic() > end:
                events = [(event["seq"], event["type"]) for event in await self.events(run_id)]
                raise AssertionError(
                    f"run {run_id} is {run['status']} after {seconds:g} s, wanted {statuses}; events: {events}\n"
                    f"{self.server.tail()}"
                )
            await asyncio.sleep(0.02)

    async def approvals(self, run_id: str) -> list[dict[str, Any]]:
        """What of this run waits for a human."""
        items = (await self.get("/approvals"))["items"]
        return [item for item in items if item["run_id"] == run_id]

    async def answer(self, run_id: str, approval: str, decision: str, of: str | None = None, **more: Any) -> None:
        """Answer an approval once, that of a child (`of`) too; after a crash the answer may already be there."""
        body = {"answers": [{"approval": approval, "decision": decision, **more}]}
        answer = await self.ask("POST", f"/runs/{run_id}/resume", body)
        if answer.status == 409:
            given = [e for e in await self.events(of or run_id) if e["type"] == "approval_given"]
            assert any(e["data"]["approval"] == approval for e in given), f"refused but not there: {answer.body}"
            return
        answer.must(200, 202)
