from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.tools.cache.stores import CacheEntry, CacheStore, MemoryStore, SqliteStore, StoreBounds

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


async def test_a_result_is_found_until_it_expires(make: Make) -> None:
    store = make()
    assert await store.get(b"a", 0) is None
    store.put(b"a", entry("kept"))
    assert await store.get(b"a", 9) == "kept"
    assert await store.get(b"a", 10) is None
    assert store.sweep(9) == 1
    assert store.sweep(10) == 0


async def test_the_least_recently_used_result_is_dropped_first(make: Make) -> None:
    store = make(max_entries=2)
    for key in (b"a", b"b"):
        await store.get(key, 0)
        store.put(key, entry(key.decode()))
    await store.get(b"a", 0)
    store.put(b"c", entry("c"))
    assert [await store.get(key, 0) for key in (b"a", b"b", b"c")] == ["a", None, "c"]


async def test_clearing_a_tool_leaves_the_others(make: Make) -> None:
    store = make()
    await store.get(b"a", 0)
    store.put(b"a", entry("a"))
    store.put(b"b", entry("b", tool="other"))
    assert await store.clear("look", 0) == 1
    assert [await store.get(key, 0) for key in (b"a", b"b")] == [None, "b"]


async def test_a_result_that_is_too_large_is_not_kept(make: Make) -> None:
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
async def test_a_damaged_file_is_created_anew(damage: bytes, tmp_path: Path) -> None:
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
