"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path
from typing import Self

from journeyman.errors import ConfigurationError, StorageError
from journeyman.journal.sqlite.file_lock import NO_SPACE, lock_byte

_BESIDE = ("", "-wal", "-shm", "-journal")  # what SQLite makes beside a file


class PartialFile:
    """A new empty file beside `target`, under a name that no other one has. It is removed at the end if it is there.

    It is locked while it is made. So the files of processes that were killed can be told from those that are being
    made, and are removed.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target
        self._fd = -1

    def __enter__(self) -> Self:
        try:
            _remove_left_overs(self._target)
            while not self._is_made():
                os.close(self._fd)
        except OSError as exc:
            raise unwritable(exc, self._target) from exc
        return self

    def _is_made(self) -> bool:
        """Create and lock the file. Returns False if it was taken for a left-over before it was locked."""
        self.path = self._target.with_name(f"{self._target.name}.{secrets.token_hex(8)}.partial")
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            lock_byte(self._fd)
        except OSError as exc:
            if exc.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            return False  # it is being removed
        return os.fstat(self._fd).st_nlink > 0

    def __exit__(self, *exc: object) -> None:
        _remove(self.path)
        os.close(self._fd)

    def add(self) -> None:
        """Let the file appear under its target's name. Raises ConfigurationError if that exists by now."""
        try:
            try:
                self._target.hardlink_to(self.path)
            except FileExistsError as exc:
                raise ConfigurationError(f"{self._target} already exists. Choose another file.") from exc
            except OSError as exc:
                if exc.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):  # a file system without hard links
                    raise
                self.path.rename(self._target)
            sync_folder(self._target.parent)
        except OSError as exc:
            raise unwritable(exc, self._target) from exc

    def replace(self) -> None:
        """Let the file take the place of its target."""
        try:
            self.path.replace(self._target)
            sync_folder(self._target.parent)
        except OSError as exc:
            raise unwritable(exc, self._target) from exc


def _remove_left_overs(target: Path) -> None:
    """Remove partial files of this target that no process is making."""
    for path in list(target.parent.iterdir()):
        if path.name.startswith(f"{target.name}.") and path.name.endswith(".partial"):
            _remove_unlocked(path)


def _remove_unlocked(path: Path) -> None:
    """Remove a file unless its maker has locked it. It is locked meanwhile, so that one that is new is made again."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # it was completed meanwhile
        return
    try:
        lock_byte(fd)
        _remove(path)
    except OSError as exc:
        if exc.errno not in (errno.EAGAIN, errno.EACCES):
            raise
    finally:
        os.close(fd)


def _remove(path: Path) -> None:
    for suffix in _BESIDE:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def unwritable(exc: OSError, target: Path) -> StorageError:
    """Return the error of a file that cannot be written."""
    if exc.errno in NO_SPACE:
        text = f"The disk under {target} is full. Free some space, or choose another file."
        return StorageError(text, code="storage_full", retry_after=10)
    return StorageError(f"{target} cannot be written ({exc.strerror}). Choose another file.")


def append_errno(path: Path) -> int:
    """Return the errno with which the file cannot grow, 0 if it can: SQLite's backup does not say why it failed."""
    try:
        with path.open("ab") as file:
            file.write(bytes(1 << 16))
    except OSError as exc:
        return exc.errno or 0
    return 0


def sync_file(path: Path) -> None:
    """Flush a file to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
