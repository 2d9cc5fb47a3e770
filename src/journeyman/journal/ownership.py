"""One server owns a journal file: a lock beside it, held as long as the process lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from journeyman.errors import ConfigurationError


class Ownership:
    """An exclusive lock on `<file>.lock` with the owner's pid inside. The kernel drops it when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._fd: int | None = None

    def take(self) -> None:
        """Raises ConfigurationError if another process (or another journal in this one) owns the file."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise ConfigurationError(
                f"cannot create {self._path}: {exc.strerror}; choose a folder that exists and can be written"
            ) from exc
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            owner = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise ConfigurationError(
                f"the journal {self._path.with_suffix('')} is in use by process {owner}: stop that server, "
                "talk to it over HTTP, or choose another file"
            ) from exc
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Let go; idempotent. The file stays: removing it could split the lock between two files."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
