from __future__ import annotations

import asyncio
from typing import Any

import pytest

from journeyman.clock import ManualClock
from journeyman.tools.cache.cache import ToolCache
from journeyman.tools.cache.stores import MemoryStore
from journeyman.tools.spec import CallRequest, StoredTool
from tests.harness.asgi_client import request as ask

SECOND = 1_000_000


def call(**changes: Any) -> CallRequest:
    facts = {"arguments": {"a": 1, "b": 2}, "principal": "ann", "agent": "support"}
    policy = {"effects": "none", "cache_ttl": 60.0, "code_hash": "c1"}
    spec = {name: changes.pop(name) for name in list(changes) if name in StoredTool.__struct_fields__}
    return CallRequest(
        spec=StoredTool(name="look", description="", parameters={}, **(policy | spec)).spec(),
        call="m1.0",
        run_id="run_1",
        thread_id="t",
        idempotency_key="k",
        **(facts | changes),
    )


@pytest.mark.parametrize(
    ("scope", "change", "shared"),
    [
        ("principal", {}, True),
        ("principal", {"principal": "bob"}, False),
        ("principal", {"agent": "sales"}, True),
        ("agent", {"agent": "sales"}, False),
        ("agent", {"principal": "bob"}, True),
        ("shared", {"principal": "bob", "agent": "sales"}, True),
        ("shared", {"arguments": {"b": 2, "a": 1}}, True),
        ("shared", {"arguments": {"a": 1, "b": 3}}, False),
        ("shared", {"code_hash": "c2"}, False),
        ("shared", {"permissions_network": ()}, False),
        ("shared", {"output_cap": 5}, False),
    ],
)
async def test_who_shares_an_answer(scope: Any, change: dict[str, Any], shared: bool) -> None:
    cache = ToolCache(MemoryStore(), ManualClock(), 60)
    cache.put(call(cache_scope=scope), "answer")
    assert (await cache.get(call(cache_scope=scope, **change)) is not None) is shared
    await cache.aclose()


async def test_time_runs_by_the_given_clock_and_expired_answers_are_swept() -> None:
    clock, store = ManualClock(), MemoryStore()
    cache = ToolCache(store, clock, 5)
    cache.put(call(cache_ttl="default"), "answer")
    clock.advance(4)
    assert await cache.get(call(cache_ttl="default")) == "answer"
    clock.advance(1)
    assert await cache.get(call(cache_ttl="default")) is None
    clock.advance(60)
    await asyncio.sleep(0)
    assert store.sweep(0) == 0
    await cache.aclose()


async def test_secrets_are_not_kept() -> None:
    cache = ToolCache(MemoryStore(), ManualClock(), 60, secrets=("hunter2hunter2", ""))
    cache.put(call(), "the password is hunter2hunter2")
    assert await cache.get(call()) is None
    await cache.aclose()


async def look(app: Any, word: str) -> dict[str, Any]:
    answer = await ask(app, "POST", "/execute_tool", json={"tool_name": "look", "arguments": {"word": word}})
    assert answer.status == 200
    return dict(answer.json())
