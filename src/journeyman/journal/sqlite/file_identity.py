"""Notices that the journal's file was removed or replaced while this process has it open.

SQLite goes on writing to a file that has no name any more, and everything that is committed there is gone with the
process. Only `stat` is used: closing another descriptor of these files would drop SQLite's locks.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from journeyman.errors import JournalLostError

SECOND_LOOK_SECONDS = 1.0  # on shared file systems, whose answers may lag behind
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


class FileIdentity:
    """The journal's file and its log, as they were when they were opened, compared with what has their names now.

    On a `shared` file system a difference must be seen twice.
    """

    def __init__(self, path: Path, *, shared: bool = False, pause: Callable[[float], None] = time.sleep) -> None:
        self._path = str(path)
        self._log = f"{path}-wal"
        self._shared = shared
        self._pause = pause
        file, log = _look(self._path), _look(self._log)
        self._file = None if file is None else (file.st_dev, file.st_ino)
        self._log_file = None if log is None else (log.st_dev, log.st_ino)
        self._size = 0 if file is None else file.st_size
        self.links = 1 if file is None else file.st_nlink

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
        if (file.st_dev, file.st_ino) != self._file:
            return self._error(self._path, "replaced")
        if file.st_size < self._size:
            return self._error(self._path, "cut or overwritten")
        self._size, self.links = file.st_size, file.st_nlink
        return None

    def _log_difference(self) -> JournalLostError | None:
        log = _look(self._log)
        if log is None:
            return None if self._log_file is None else self._error(self._log, "removed")
        found = (log.st_dev, log.st_ino)
        if self._log_file is None:  # it is made by the first commit
            self._log_file = found
        return None if found == self._log_file else self._error(self._log, "replaced")

    def _error(self, name: str, what: str) -> JournalLostError:
        return JournalLostError(
            f"{name} was {what} while this server had it open, so nothing that is written now can be kept: stop the "
            "server, put the file back or restore a backup with `journeyman db restore`, and start again",
            f"the journal's file was {what} while the server ran",
        )


def _look(path: str) -> os.stat_result | None:
    """Return what has this name now, or None if nothing has. Raises OSError if that cannot be found out."""
    try:
        return os.stat(path)  # noqa: PTH116  measured at every commit: half the time of Path.stat
    except OSError as exc:
        if exc.errno in _GONE:
            return None
        raise
