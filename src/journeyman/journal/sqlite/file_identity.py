"""Notices that the journal's file was removed or replaced while this process has it open.

SQLite goes on writing to a file that has no name any more, and everything that is committed there is gone with the
process. Only `stat` is used: closing another descriptor of these files would drop SQLite's locks.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from journeyman.errors import JournalLostError

SECOND_LOOK_SECONDS = 1.0  # on shared file systems, whose answers may lag behind
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


class _Seen(msgspec.Struct, frozen=True):
    """What `stat` says of a file that matters here."""

    device: int
    inode: int
    size: int
    links: int


class FileIdentity:
    """The journal's file and its log, as they were when they were opened, compared with what has their names now.

    On a `shared` file system a difference must be seen twice.
    """

    def __init__(self, path: Path, *, shared: bool = False, pause: Callable[[float], None] = time.sleep) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._shared = shared
        self._pause = pause
        self._file = _look(path)
        self._log_file = _look(self._log)
        self._size = 0 if self._file is None else self._file.size
        self.links = 1 if self._file is None else self._file.links

    def difference(self) -> JournalLostError | None:
        """Return what happened to the file. Returns None if it is still the one that was opened."""
        found = self._difference()
        if found is not None and self._shared:
            self._pause(SECOND_LOOK_SECONDS)
            found = self._difference()
        return found

    def _difference(self) -> JournalLostError | None:
        try:
            return self._file_difference() or self._log_difference()
        except OSError:  # nothing is known, and the open files still work
            return None

    def _file_difference(self) -> JournalLostError | None:
        file = _look(self._path)
        if file is None:
            return self._error(self._path, "removed")
        if not _is_same(file, self._file):
            return self._error(self._path, "replaced")
        if file.size < self._size:
            return self._error(self._path, "cut or overwritten")
        self._size, self.links = file.size, file.links
        return None

    def _log_difference(self) -> JournalLostError | None:
        log = _look(self._log)
        if self._log_file is None:  # it was not made yet
            self._log_file = log
        elif log is None:
            return self._error(self._log, "removed")
        elif not _is_same(log, self._log_file):
            return self._error(self._log, "replaced")
        return None

    def _error(self, name: Path, what: str) -> JournalLostError:
        return JournalLostError(
            f"{name} was {what} while this server had it open, so nothing that is written now can be kept: stop the "
            "server, put the file back or restore a backup with `journeyman db restore`, and start again",
            f"the journal's file was {what} while the server ran",
        )


def _look(path: Path) -> _Seen | None:
    """Return what has this name now, or None if nothing has. Raises OSError if that cannot be found out."""
    try:
        found = path.stat()
    except OSError as exc:
        if exc.errno in _GONE:
            return None
        raise
    return _Seen(found.st_dev, found.st_ino, found.st_size, found.st_nlink)


def _is_same(now: _Seen, then: _Seen | None) -> bool:
    return then is not None and (now.device, now.inode) == (then.device, then.inode)
