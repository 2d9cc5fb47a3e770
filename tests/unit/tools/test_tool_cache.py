from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.asgi_client import request as ask

from journeyman import create_app
from journeyman.clock import ManualClock
from journeyman.tools.cache.cache import ToolCache
from journeyman.tools.cache.stores import CacheEntry, CacheStore, MemoryStore, SqliteStore, StoreBounds
from journeyman.tools.spec import CallRequest, StoredTool

SECOND = 1_000_000
Make = Callable[..., CacheStore]


@pytest.fixture(params=["memory", "sqlite"])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[CacheStore] = []

    def build(**bounds: int) -> CacheStore:
        limits = StoreBounds(**bounds) if bounds else StoreBounds()
        made.append(MemoryStore(limits) if request.param == "memory" else SqliteStore(tmp_path / "c.cache", limits))
        return made[-1]

    yield build
    for store in made:
        await store.aclose()


def entry(text: str, tool: str = "look", expires: int = 10) -> CacheEntry:
    return CacheEntry(tool=tool, text=text, expires=expires)


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


async def test_what_is_kept_is_found_until_it_expires(make: Make) -> None:
    store = make()
    assert await store.get(b"a", 0) is None
    store.put(b"a", entry("kept"))
    assert await store.get(b"a", 9) == "kept"
    assert await store.get(b"a", 10) is None
    assert store.sweep(9) == 1
    assert store.sweep(10) == 0


async def test_the_oldest_use_goes_first(make: Make) -> None:
    store = make(max_entries=2)
    for key in (b"a", b"b"):
        await store.get(key, 0)
        store.put(key, entry(key.decode()))
    await store.get(b"a", 0)
    store.put(b"c", entry("c"))
    assert [await store.get(key, 0) for key in (b"a", b"b", b"c")] == ["a", None, "c"]


async def test_a_tool_is_forgotten_alone(make: Make) -> None:
    store = make()
    await store.get(b"a", 0)
    store.put(b"a", entry("a"))
    store.put(b"b", entry("b", tool="other"))
    assert await store.clear("look", 0) == 1
    assert [await store.get(key, 0) for key in (b"a", b"b")] == [None, "b"]


async def test_what_is_too_large_is_not_kept(make: Make) -> None:
    store = make(max_bytes=1000)
    await store.get(b"a", 0)
    store.put(b"a", entry("old"))
    store.put(b"a", entry("x" * 2000))
    assert await store.get(b"a", 0) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 500)), max_size=40))
def test_bounds_hold(adds: list[tuple[int, int]]) -> None:
    bounds = StoreBounds(max_entries=4, max_bytes=900)
    kept: set[bytes] = set()
    for number, size in adds:
        key = bytes([number])
        kept = (kept | {key}) - set(bounds.add(key, "t", size, 10))
        assert len(bounds) == len(kept) <= 4
        assert bounds.bytes <= 900
        assert all(bounds.use(each, 0) for each in sorted(kept - {key}))


async def test_a_file_outlives_its_process_and_drops_what_expired(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "c.cache")
    await first.get(b"a", 0)
    first.put(b"a", entry("kept", expires=100))
    first.put(b"b", entry("gone", expires=5))
    await first.aclose()
    second = SqliteStore(tmp_path / "c.cache")
    assert [await second.get(key, 50) for key in (b"a", b"b")] == ["kept", None]
    assert second.sweep(50) == 1
    await second.aclose()
    assert (tmp_path / "c.cache").stat().st_mode & 0o777 == 0o600


async def test_bounds_hold_for_what_an_earlier_process_left(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "c.cache")
    await first.get(b"a", 0)
    for key in (b"a", b"b", b"c"):
        first.put(key, entry(key.decode()))
    await first.aclose()
    second = SqliteStore(tmp_path / "c.cache", StoreBounds(max_entries=2))
    assert [await second.get(key, 0) for key in (b"a", b"b", b"c")] == [None, "b", "c"]
    await second.aclose()
    third = SqliteStore(tmp_path / "c.cache")
    assert await third.get(b"a", 0) is None
    await third.aclose()


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b""])
async def test_a_damaged_file_is_made_anew(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "c.cache").write_bytes(damage)
    store = SqliteStore(tmp_path / "c.cache")
    assert await store.get(b"a", 0) is None
    store.put(b"a", entry("kept"))
    assert await store.get(b"a", 0) == "kept"
    await store.aclose()


async def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "no" / "such" / "folder.cache")
    assert await store.get(b"a", 0) is None
    store.put(b"a", entry("kept"))
    assert await store.get(b"a", 0) is None
    await store.aclose()


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


TOOLS = """
from journeyman import tool

seen = []

@tool(effects="none", cache_ttl=60)
async def look(word: str) -> str:
    \"\"\"Look a word up.\"\"\"
    seen.append(word)
    if word == "bad":
        raise ValueError("no such word")
    return f"{word} {len(seen)}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "look.py").write_text(TOOLS)
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\ntools: [look]\n")
    return tmp_path


async def look(app: Any, word: str) -> dict[str, Any]:
    answer = await ask(app, "POST", "/execute_tool", json={"tool_name": "look", "arguments": {"word": word}})
    assert answer.status == 200
    return dict(answer.json())


async def test_a_hit_is_shown_starts_nothing_and_outlives_a_restart(folder: Path) -> None:
    database = f"sqlite:///{folder}/j.db"
    app = create_app(folder / "agent.yaml", database_url=database)
    first, second = await look(app, "tea"), await look(app, "tea")
    assert (first["response"], first["cached"]) == ("tea 1", False)
    assert (second["response"], second["cached"]) == ("tea 1", True)
    assert [(await look(app, "bad"))["cached"] for _ in range(2)] == [False, False]
    events = (await ask(app, "GET", f"/runs/{second['run_id']}/events")).json()["items"]
    calls = [event for event in events if event["type"].startswith("tool_call")]
    assert [(event["type"], event["data"].get("cached")) for event in calls] == [("tool_call_finished", True)]
    assert (await ask(app, "GET", "/tools/look")).json()["metrics"]["cache_hits"] == 1
    await app.stop()

    app = create_app(folder / "agent.yaml", database_url=database)
    assert (await look(app, "tea"))["cached"] is True
    assert (await ask(app, "DELETE", "/tools/look/cache")).json() == {"cleared": 1}
    assert (await ask(app, "DELETE", "/tools/none/cache")).status == 404
    assert (await look(app, "tea"))["cached"] is False
    await app.stop()


async def test_the_switch_stops_every_cache(folder: Path) -> None:
    app = create_app(folder / "agent.yaml", database_url="memory://", enable_cache=False)
    assert [(await look(app, "tea"))["cached"] for _ in range(2)] == [False, False]
    assert (await ask(app, "DELETE", "/tools/look/cache")).json() == {"cleared": 0}
    await app.stop()
