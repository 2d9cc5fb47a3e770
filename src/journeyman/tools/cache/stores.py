"""Stores of the tool cache: in memory, or in a SQLite file. Both are bounded and drop the least recently used first."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import apsw
import msgspec

from journeyman.thread_pool import ThreadPool

_log = logging.getLogger(__name__)

MAX_ENTRIES = 10_000
MAX_BYTES = 64 << 20
LARGEST = 1 << 20  # bytes of one result
_OVERHEAD = 200  # bytes of an entry in addition to its text
_MOST_WRITES = 256  # in progress at once; further results are not kept
_VERSION = 1
_INSERT = "INSERT OR REPLACE INTO answers (key, tool, text, expires) VALUES (?, ?, ?, ?)"


class CacheEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A cached result; `expires` is in microseconds since the Unix epoch."""

    tool: str
    text: str
    expires: int


class CacheStore(Protocol):
    """The port to where cached results are kept."""

    async def get(self, key: bytes, now: int) -> str | None:
        """Return the text of an entry; None if there is none or it has expired."""
        ...

    def put(self, key: bytes, entry: CacheEntry) -> None:
        """Keep an entry. Does not wait until it is stored; an entry that is too large is not kept."""
        ...

    async def clear(self, tool: str, now: int) -> int:
        """Delete the entries of a tool. Returns how many there were."""
        ...

    def sweep(self, now: int) -> int:
        """Delete expired entries. Returns how many are left."""
        ...

    def figures(self) -> dict[str, int]:
        """Return the number of entries and of their bytes."""
        ...

    async def aclose(self) -> None:
        """Close the store; idempotent."""
        ...


class _KeyInfo(msgspec.Struct, frozen=True):
    """What is known of a kept key without reading its text."""

    tool: str
    size: int  # bytes
    expires: int


class StoreBounds:
    """The keys of a store in the order of their last use, limited in number and in bytes."""

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._keys: OrderedDict[bytes, _KeyInfo] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._keys)

    def figures(self) -> dict[str, int]:
        """Return the number of entries and of their bytes."""
        return {"entries": len(self._keys), "bytes": self.bytes}

    def use(self, key: bytes, now: int) -> bool:
        """Mark a key as used now. Returns False if it is not kept or has expired."""
        info = self._keys.get(key)
        if info is None or info.expires <= now:
            return False
        self._keys.move_to_end(key)
        return True

    def add(self, key: bytes, tool: str, size: int, expires: int) -> list[bytes]:
        """Add a key. Returns the keys that were dropped to make room; `key` itself if it is too large."""
        if size > min(LARGEST, self._max_bytes):
            return [key, *self.drop([key])]
        self.drop([key])
        self._keys[key] = _KeyInfo(tool, size, expires)
        self.bytes += size
        dropped: list[bytes] = []
        while len(self._keys) > self._max_entries or self.bytes > self._max_bytes:
            dropped += self.drop([next(iter(self._keys))])
        return dropped

    def drop(self, keys: Sequence[bytes]) -> list[bytes]:
        """Remove keys. Returns those that were kept."""
        dropped = [key for key in keys if key in self._keys]
        for key in dropped:
            self.bytes -= self._keys.pop(key).size
        return dropped

    def of_tool(self, tool: str) -> list[bytes]:
        """Return the keys of a tool."""
        return [key for key, info in self._keys.items() if info.tool == tool]

    def expired(self, now: int) -> list[bytes]:
        """Return the keys that have expired."""
        return [key for key, info in self._keys.items() if info.expires <= now]


def _size(entry: CacheEntry) -> int:
    return len(entry.text.encode(errors="surrogatepass")) + _OVERHEAD


class MemoryStore:
    """Keeps results in memory, until the process ends."""

    def __init__(self, bounds: StoreBounds | None = None) -> None:
        self._bounds = StoreBounds() if bounds is None else bounds
        self._texts: dict[bytes, str] = {}

    async def get(self, key: bytes, now: int) -> str | None:
        return self._texts[key] if self._bounds.use(key, now) else None

    def put(self, key: bytes, entry: CacheEntry) -> None:
        self._texts[key] = entry.text
        self._delete(self._bounds.add(key, entry.tool, _size(entry), entry.expires))

    async def clear(self, tool: str, now: int) -> int:
        return self._delete(self._bounds.drop(self._bounds.of_tool(tool)))

    def sweep(self, now: int) -> int:
        self._delete(self._bounds.drop(self._bounds.expired(now)))
        return len(self._bounds)

    def figures(self) -> dict[str, int]:
        return self._bounds.figures()

    async def aclose(self) -> None:
        self._texts.clear()

    def _delete(self, keys: Sequence[bytes]) -> int:
        for key in keys:
            self._texts.pop(key, None)
        return len(keys)


class SqliteStore:
    """Keeps results in a SQLite file beside the journal. It is created at the first use, and anew if it is unreadable.

    Writes are not synced to the disk: a power cut may lose the file, which only costs repeated calls. One thread reads
    and writes in order; the keys and their order of use are in memory.
    """

    def __init__(self, path: Path, bounds: StoreBounds | None = None) -> None:
        self._path = path
        self._bounds = StoreBounds() if bounds is None else bounds
        self._thread = ThreadPool(1, thread_name_prefix="tool-cache")
        self._file = _File(path)
        self._opening: asyncio.Future[None] | None = None
        self._writes = 0
        self._closed = False

    async def get(self, key: bytes, now: int) -> str | None:
        await self._opened(now)
        if not self._bounds.use(key, now) or self._closed:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._file.read, key)

    def put(self, key: bytes, entry: CacheEntry) -> None:
        if self._writes >= _MOST_WRITES:
            return
        dropped = self._bounds.add(key, entry.tool, _size(entry), entry.expires)
        self._write(dropped, None if key in dropped else (key, entry.tool, entry.text, entry.expires))

    async def clear(self, tool: str, now: int) -> int:
        await self._opened(now)
        dropped = self._bounds.drop(self._bounds.of_tool(tool))
        self._write(dropped)
        return len(dropped)

    def sweep(self, now: int) -> int:
        self._write(self._bounds.drop(self._bounds.expired(now)))
        return len(self._bounds)

    def figures(self) -> dict[str, int]:
        return self._bounds.figures()

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._opening is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
        self._thread.shutdown(wait=False)

    def _write(self, dropped: Sequence[bytes], row: tuple[bytes, str, str, int] | None = None) -> None:
        """Have the thread delete the dropped keys and insert a row."""
        if self._closed or not (dropped or row):
            return
        self._writes += 1
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, self._file.write, dropped, row)
        done.add_done_callback(self._written)

    def _written(self, done: asyncio.Future[None]) -> None:
        self._writes -= 1

    async def _opened(self, now: int) -> None:
        """Return once the file is open and the keys that an earlier process left in it are known."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open(now))
        await asyncio.shield(self._opening)

    async def _open(self, now: int) -> None:
        loop = asyncio.get_running_loop()
        dropped: list[bytes] = []
        for key, tool, size, expires in await loop.run_in_executor(self._thread, self._file.open, now):
            dropped += self._bounds.add(key, tool, size + _OVERHEAD, expires)
        self._write(dropped)


class _File:
    """The SQLite file, used by one thread. After an error, which is logged, nothing more is read or written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: apsw.Connection | None = None

    def open(self, now: int) -> list[tuple[bytes, str, int, int]]:
        """Open the file. Returns its rows as key, tool, bytes of the text and expiry."""
        try:
            return self._connect(now)
        except (apsw.Error, OSError) as exc:
            _log.warning("The tool cache %s cannot be read (%s). It is created anew.", self._path.name, exc)
        try:
            self._delete()
            return self._connect(now)
        except (apsw.Error, OSError) as exc:
            self._give_up(exc)
            return []

    def read(self, key: bytes) -> str | None:
        """Return the text of a key; None if there is none or the file cannot be read."""
        if self._db is None:
            return None
        try:
            row = self._db.execute("SELECT text FROM answers WHERE key = ?", (key,)).fetchone()
        except apsw.Error as exc:
            self._give_up(exc)
            return None
        return None if row is None else str(row[0])

    def write(self, dropped: Sequence[bytes], row: tuple[bytes, str, str, int] | None) -> None:
        """Delete the dropped keys and insert the row in one transaction."""
        if self._db is None:
            return
        try:
            with self._db:
                self._db.executemany("DELETE FROM answers WHERE key = ?", ((key,) for key in dropped))
                if row is not None:
                    self._db.execute(_INSERT, row)
        except UnicodeError:  # a text with lone surrogates is not kept
            return
        except apsw.Error as exc:
            self._give_up(exc)

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connect(self, now: int) -> list[tuple[bytes, str, int, int]]:
        if not self._path.exists():
            self._path.touch(mode=0o600)
        self._db = db = apsw.Connection(str(self._path))
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "OFF")
        db.pragma("secure_delete", True)
        if db.pragma("user_version") != _VERSION:
            db.execute("DROP TABLE IF EXISTS answers")
            db.execute("CREATE TABLE answers (key BLOB PRIMARY KEY, tool TEXT, text TEXT, expires INT)")
            db.pragma("user_version", _VERSION)
        db.execute("DELETE FROM answers WHERE expires <= ?", (now,))
        rows = db.execute("SELECT key, tool, octet_length(text), expires FROM answers ORDER BY rowid")
        return [(bytes(key), str(tool), int(size), int(expires)) for key, tool, size, expires in rows]

    def _delete(self) -> None:
        if self._db is not None:
            self._db.close()
        for name in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._path}{name}").unlink()

    def _give_up(self, exc: Exception) -> None:
        _log.warning("The tool cache %s cannot be used (%s). Tool results are not cached.", self._path.name, exc)
        self._db = None
