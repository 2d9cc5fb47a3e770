"""The lock that lets one process own a journal file, and the address where that process listens."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from journeyman.errors import ConfigurationError


class FileLock:
    """An exclusive lock on `<file>.lock`, which holds the owner's pid. The kernel releases it when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._fd: int | None = None

    def take(self) -> None:
        """Take the lock. Raises ConfigurationError if another process, or another journal of this one, holds it."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise ConfigurationError(
                f"{self._path} cannot be created ({exc.strerror}): choose a folder that exists and can be written"
            ) from exc
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            owner = _lines(os.pread(fd, 256, 0))[0] or "unknown"
            os.close(fd)
            raise ConfigurationError(
                f"the journal {self._path.with_suffix('')} is in use by process {owner}: stop that server, "
                "talk to it over HTTP, or choose another file"
            ) from exc
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Release the lock; idempotent. The file stays, since two processes could lock an old and a new one."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def publish_address(path: Path, url: str) -> None:
    """Write the owner's address to the lock file, under its pid, once the owner listens."""
    with path.with_name(path.name + ".lock").open("w") as file:
        file.write(f"{os.getpid()}\n{url}\n")


def owner_of(path: Path) -> tuple[str, str]:
    """Return pid and address from the lock file of `path`, each empty if it is not there.

    The process that wrote them may have ended.
    """
    try:
        pid, url = _lines(path.with_name(path.name + ".lock").read_bytes()[:256])
    except OSError:
        return "", ""
    return pid, url


def _lines(data: bytes) -> tuple[str, str]:
    """Return the first two lines of a lock file."""
    pid, url, *_ = [*data.decode(errors="replace").split("\n"), "", ""]
    return pid.strip(), url.strip()
