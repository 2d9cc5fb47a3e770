"""Where kept answers are: in memory, or in a SQLite file that may be deleted at any time. Bounded, oldest use first."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import apsw
import msgspec

_log = logging.getLogger(__name__)

MAX_ENTRIES = 10_000
MAX_BYTES = 64 << 20
LARGEST = 1 << 20  # bytes of one answer
_OVERHEAD = 200  # bytes of an entry beside its text
_MOST_WRITES = 256  # under way at once; what comes beyond is not kept
_VERSION = 1
_INSERT = "INSERT OR REPLACE INTO answers (key, tool, text, expires) VALUES (?, ?, ?, ?)"


class CacheEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A kept answer; `expires` is in microseconds since the Unix epoch."""

    tool: str
    text: str
    expires: int


class CacheStore(Protocol):
    """Keeps entries within its bounds."""

    async def get(self, key: bytes, now: int) -> str | None: ...

    def put(self, key: bytes, entry: CacheEntry) -> None: ...

    async def clear(self, tool: str, now: int) -> int:
        """How many entries of the tool were there."""
        ...

    def sweep(self, now: int) -> int:
        """Drop what has expired; how many entries are left."""
        ...

    def figures(self) -> dict[str, int]:
        """Entries and bytes."""
        ...

    async def aclose(self) -> None: ...


class _Place(msgspec.Struct, frozen=True):
    tool: str
    size: int
    expires: int


class StoreBounds:
    """Which keys are kept, in the order of their last use, within a number of entries and of bytes."""

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._places: OrderedDict[bytes, _Place] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._places)

    def figures(self) -> dict[str, int]:
        return {"entries": len(self._places), "bytes": self.bytes}

    def use(self, key: bytes, now: int) -> bool:
        """Whether the key is kept and has not expired."""
        place = self._places.get(key)
        if place is None or place.expires <= now:
            return False
        self._places.move_to_end(key)
        return True

    def add(self, key: bytes, tool: str, size: int, expires: int) -> list[bytes]:
        """Take a key in; the keys that had to go for it (itself, where it is too large)."""
        if size > min(LARGEST, self._max_bytes):
            return [key, *self.drop([key])]
        self.drop([key])
        self._places[key] = _Place(tool, size, expires)
        self.bytes += size
        gone: list[bytes] = []
        while len(self._places) > self._max_entries or self.bytes > self._max_bytes:
            gone += self.drop([next(iter(self._places))])
        return gone

    def drop(self, keys: Sequence[bytes]) -> list[bytes]:
        """Those of the keys that were kept, and are no more."""
        gone = [key for key in keys if key in self._places]
        for key in gone:
            self.bytes -= self._places.pop(key).size
        return gone

    def of_tool(self, tool: str) -> list[bytes]:
        return [key for key, place in self._places.items() if place.tool == tool]

    def expired(self, now: int) -> list[bytes]:
        return [key for key, place in self._places.items() if place.expires <= now]


def _size(entry: CacheEntry) -> int:
    return len(entry.text.encode(errors="surrogatepass")) + _OVERHEAD


class MemoryStore:
    """Gone with the process."""

    def __init__(self, bounds: StoreBounds | None = None) -> None:
        self._bounds = StoreBounds() if bounds is None else bounds
        self._texts: dict[bytes, str] = {}

    async def get(self, key: bytes, now: int) -> str | None:
        return self._texts[key] if self._bounds.use(key, now) else None

    def put(self, key: bytes, entry: CacheEntry) -> None:
        self._texts[key] = entry.text
        self._forget(self._bounds.add(key, entry.tool, _size(entry), entry.expires))

    async def clear(self, tool: str, now: int) -> int:
        return self._forget(self._bounds.drop(self._bounds.of_tool(tool)))

    def sweep(self, now: int) -> int:
        self._forget(self._bounds.drop(self._bounds.expired(now)))
        return len(self._bounds)

    def figures(self) -> dict[str, int]:
        return self._bounds.figures()

    async def aclose(self) -> None:
        self._texts.clear()

    def _forget(self, keys: Sequence[bytes]) -> int:
        for key in keys:
            self._texts.pop(key, None)
        return len(keys)


class SqliteStore:
    """A file beside the journal, of the process that owns the journal; made at the first use, rebuilt when unreadable.

    Nothing is synchronised to the disk: after a power cut the file may be lost, which costs calls and no data. One
    thread does all reading and writing, in order; which keys there are is known without it.
    """

    def __init__(self, path: Path, bounds: StoreBounds | None = None) -> None:
        self._path = path
        self._bounds = StoreBounds() if bounds is None else bounds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tool-cache")
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
        gone = self._bounds.add(key, entry.tool, _size(entry), entry.expires)
        self._write(gone, None if key in gone else (key, entry.tool, entry.text, entry.expires))

    async def clear(self, tool: str, now: int) -> int:
        await self._opened(now)
        gone = self._bounds.drop(self._bounds.of_tool(tool))
        self._write(gone)
        return len(gone)

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

    def _write(self, gone: Sequence[bytes], row: tuple[bytes, str, str, int] | None = None) -> None:
        if self._closed or not (gone or row):
            return
        self._writes += 1
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, self._file.write, gone, row)
        done.add_done_callback(self._written)

    def _written(self, done: asyncio.Future[None]) -> None:
        self._writes -= 1

    async def _opened(self, now: int) -> None:
        """The keys that an earlier process left are known from the first look-up on."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open(now))
        await asyncio.shield(self._opening)

    async def _open(self, now: int) -> None:
        loop = asyncio.get_running_loop()
        gone: list[bytes] = []
        for key, tool, size, expires in await loop.run_in_executor(self._thread, self._file.open, now):
            gone += self._bounds.add(key, tool, size + _OVERHEAD, expires)
        self._write(gone)


class _File:
    """The SQLite file, for the one thread that uses it. Its faults are told once; then nothing is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: apsw.Connection | None = None

    def open(self, now: int) -> list[tuple[bytes, str, int, int]]:
        """What is there: key, tool, bytes of the text, expiry."""
        try:
            return self._connect(now)
        except (apsw.Error, OSError) as exc:
            _log.warning("the cache %s could not be read (%s) and is made anew", self._path.name, exc)
        try:
            self._remove()
            return self._connect(now)
        except (apsw.Error, OSError) as exc:
            self._give_up(exc)
            return []

    def read(self, key: bytes) -> str | None:
        if self._db is None:
            return None
        try:
            row = self._db.execute("SELECT text FROM answers WHERE key = ?", (key,)).fetchone()
        except apsw.Error as exc:
            self._give_up(exc)
            return None
        return None if row is None else str(row[0])

    def write(self, gone: Sequence[bytes], row: tuple[bytes, str, str, int] | None) -> None:
        if self._db is None:
            return
        try:
            with self._db:
                self._db.executemany("DELETE FROM answers WHERE key = ?", ((key,) for key in gone))
                if row is not None:
                    self._db.execute(_INSERT, row)
        except UnicodeError:  # a text that is not Unicode is not kept
            return
        except apsw.Error as exc:
            self._give_up(exc)

    def close(self) -> None:
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

    def _remove(self) -> None:
        if self._db is not None:
            self._db.close()
        for name in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._path}{name}").unlink()

    def _give_up(self, exc: Exception) -> None:
        _log.warning("the cache %s cannot be used (%s): answers of tools are not kept", self._path.name, exc)
        self._db = None
