"""The locks that let one process own a journal file, and the address where that process listens.

There are two. The lock on `<file>.lock` is the one of every release, and it says who holds it. The lock on the journal
file itself holds however the file is called: by a symbolic link, a hard link or another mount.

The lock on the file is taken through one descriptor, opened before SQLite opens the file and closed after it. POSIX
locks, which are SQLite's own, fall when the process closes *any* descriptor of the file. For the same reason `-wal` and
`-shm` are never opened. An open-file-description lock, on a byte far behind SQLite's, falls with its own descriptor
only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from journeyman.errors import ConfigurationError, StorageError
from journeyman.journal.sqlite.lock_owner import owner_sentence

LOCKED_BYTE = 1 << 62  # SQLite's locks are the 512 bytes at 1 GiB
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_held: set[tuple[int, int]] = set()  # files that this process has locked


class FileLock:
    """The exclusive locks of a journal. The kernel releases them when the process ends."""

    def __init__(self, path: Path) -> None:
        self._given = path
        self._path = real_path(path)
        self._fds: list[int] = []
        self._identity: tuple[int, int] | None = None

    def take(self) -> None:
        """Take the locks, and make the journal file if there is none.

        Raises ConfigurationError if another process, or another journal of this one, holds one of them. Raises
        StorageError if the disk is full.
        """
        try:
            for name in lock_files(self._given):
                self._fds.append(_lock_named(name, self._path))
            named = list(self._fds)
            self._lock_file()
            for fd in named:
                os.ftruncate(fd, 0)
                os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as exc:
            self.release()
            raise _translate_os(exc, self._path) from exc
        except BaseException:
            self.release()
            raise

    def _lock_file(self) -> None:
        if self._path.exists() and _identity(self._path.stat()) in _held:  # opening it would drop SQLite's locks
            raise _used_elsewhere(self._path)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._fds.append(fd)
        try:
            lock_byte(fd)
        except OSError as exc:
            if exc.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise _used_elsewhere(self._path) from exc
        self._identity = _identity(os.fstat(fd))
        _held.add(self._identity)

    def release(self) -> None:
        """Release the locks; idempotent. Their files stay, since two processes could lock an old and a new one."""
        while self._fds:
            os.close(self._fds.pop())
        if self._identity is not None:
            _held.discard(self._identity)
            self._identity = None


def real_path(path: Path) -> Path:
    """Return the path of the file itself, without symbolic links. SQLite puts `-wal` and `-shm` beside that one."""
    return Path(os.path.realpath(path))


def lock_files(path: Path) -> list[Path]:
    """Return the lock files of a journal: beside the file itself, and beside a symbolic link that leads to it.

    Earlier releases know only the one beside the path that they were given.
    """
    given, real = real_path(path.parent) / path.name, real_path(path)
    return [each.with_name(f"{each.name}.lock") for each in ([given, real] if given != real else [real])]


def _lock_named(name: Path, journal: Path) -> int:
    """Lock a lock file. Returns its descriptor."""
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        owner = owner_sentence(os.fstat(fd), *_lines(os.pread(fd, 256, 0)))
        os.close(fd)
        raise ConfigurationError(f"the journal {journal} is in use by {owner}") from exc
    return fd


def lock_byte(fd: int) -> None:
    """Lock one byte of the file for this descriptor. Raises OSError (EAGAIN, EACCES) if another one has it locked."""
    command = getattr(fcntl, "F_OFD_SETLK", None)
    if command is not None:
        wanted = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, LOCKED_BYTE, 1, 0)
        try:
            fcntl.fcntl(fd, command, wanted)
        except OSError as exc:
            if exc.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOVERFLOW):
                raise
        else:
            return
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # macOS, and kernels without the other kind


def refuse_lone_log(path: Path) -> None:
    """Check that a journal that is missing or empty has no log beside it: SQLite would delete the log.

    Raises ConfigurationError.
    """
    log = path.with_name(f"{path.name}-wal")
    if _size(path) == 0 and _size(log) > 0:
        raise ConfigurationError(
            f"{log} holds committed data, but the journal {path} is missing or empty: put the journal back beside its "
            f"log, restore a backup with `journeyman db restore FILE`, or remove {log} to begin a new journal"
        )


def _size(path: Path) -> int:
    """Return the size of a file, 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _used_elsewhere(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"the journal {path} is in use under another name (a hard link, or another mount of the same file): "
        "stop the process that uses it, or choose another file"
    )


def _translate_os(exc: OSError, path: Path) -> ConfigurationError | StorageError:
    """Return the error that tells an operator why a file of the journal could not be made."""
    if exc.errno in NO_SPACE:
        return StorageError(f"the disk under {path} is full: free some space", code="storage_full", retry_after=10)
    return ConfigurationError(
        f"{exc.filename or path} cannot be created ({exc.strerror}): choose a folder that exists and can be written"
    )


def publish_address(path: Path, url: str) -> None:
    """Write the owner's address to the lock files, under its pid, once the owner listens."""
    for name in lock_files(path):
        with name.open("w", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n{url}\n")


def owner_of(path: Path) -> tuple[str, str]:
    """Return pid and address from the lock file of `path`, each empty if it is not there.

    The process that wrote them may have ended.
    """
    return next(_owners(path), ("", ""))


def _owners(path: Path) -> Iterator[tuple[str, str]]:
    for name in lock_files(path):
        try:
            yield _lines(name.read_bytes()[:256])
        except OSError:
            continue


def _lines(data: bytes) -> tuple[str, str]:
    """Return the first two lines of a lock file."""
    pid, url, *_ = [*data.decode(errors="replace").split("\n"), "", ""]
    return pid.strip(), url.strip()
