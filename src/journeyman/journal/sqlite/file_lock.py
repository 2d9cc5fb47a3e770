"""One server owns a journal file: a lock beside it, held as long as the process lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from journeyman.errors import ConfigurationError


class FileLock:
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
        """Let go; idempotent. The file stays: removing it could split the lock between two files."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def publish_address(path: Path, url: str) -> None:
    """For the owner, once it listens: leave its address in the lock file, under the pid."""
    with path.with_name(path.name + ".lock").open("w") as file:
        file.write(f"{os.getpid()}\n{url}\n")


def owner_of(path: Path) -> tuple[str, str]:
    """Pid and address in the lock file of `path`, each empty if it is not there. They may be left over."""
    try:
        pid, url = _lines(path.with_name(path.name + ".lock").read_bytes()[:256])
    except OSError:
        return "", ""
    return pid, url


def _lines(data: bytes) -> tuple[str, str]:
    pid, url, *_ = [*data.decode(errors="replace").split("\n"), "", ""]
    return pid.strip(), url.strip()
