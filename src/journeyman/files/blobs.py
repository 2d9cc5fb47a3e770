"""Where the bytes of files are: in a folder beside the journal, or in memory. Synchronous: called in threads."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from journeyman.errors import StateError, StorageError
from journeyman.journal.sqlite.partial_file import sync_folder

MOST_MEMORY = 256_000_000  # bytes of all files that are kept in memory
_PARTIAL = ".part"  # the end of the name of a file that is not complete


class NewBlob(Protocol):
    """Bytes that are being written. They exist once they are kept, complete and durable."""

    def write(self, data: bytes) -> None: ...

    def keep(self) -> None: ...

    def drop(self) -> None:
        """Forget what was written, if it was not kept."""
        ...


class Blobs(Protocol):
    """The bytes of files by id. They are written once and never change."""

    def begin(self, id: str) -> NewBlob: ...

    def open(self, id: str) -> BinaryIO:
        """Open the bytes of a file. Raises FileNotFoundError."""
        ...

    def delete(self, id: str) -> None:
        """Delete the bytes of a file, if they are there."""
        ...

    def ids(self) -> Iterator[str]:
        """Return the ids of all that is there, and delete what was left incomplete. Only the owner may call it."""
        ...


class DiskBlobs:
    """Files in one folder, each named by its id. The folder is made with the first file, for its owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, id: str) -> NewBlob:
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(0o700, exist_ok=True)
                sync_folder(self._folder.parent)
            return _DiskBlob(self._folder, id)
        except OSError as exc:
            raise _unwritable(self._folder, exc) from exc

    def open(self, id: str) -> BinaryIO:
        return (self._folder / id).open("rb")

    def delete(self, id: str) -> None:
        (self._folder / id).unlink(missing_ok=True)

    def ids(self) -> Iterator[str]:
        if not self._folder.is_dir():
            return
        for entry in list(os.scandir(self._folder)):
            if entry.name.endswith(_PARTIAL):
                Path(entry.path).unlink(missing_ok=True)
            elif entry.is_file(follow_symlinks=False):
                yield entry.name


class _DiskBlob:
    def __init__(self, folder: Path, id: str) -> None:
        self._folder = folder
        self._path = folder / id
        self._partial = folder / (id + _PARTIAL)
        self._file = os.fdopen(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as exc:
            raise _unwritable(self._folder, exc) from exc

    def keep(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.rename(self._path)
            sync_folder(self._folder)
        except OSError as exc:
            raise _unwritable(self._folder, exc) from exc

    def drop(self) -> None:
        with suppress(OSError):  # what was left in its buffer may not fit on the disk
            self._file.close()
        self._partial.unlink(missing_ok=True)


class MemoryBlobs:
    """Files in memory, for `memory://`. `most` bounds the bytes of all of them."""

    def __init__(self, most: int = MOST_MEMORY) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[str, bytes] = {}

    def begin(self, id: str) -> NewBlob:
        return _MemoryBlob(self, id)

    def open(self, id: str) -> BinaryIO:
        try:
            return io.BytesIO(self._kept[id])
        except KeyError:
            raise FileNotFoundError(id) from None

    def delete(self, id: str) -> None:
        with self._lock:
            self._kept.pop(id, None)

    def ids(self) -> Iterator[str]:
        return iter(list(self._kept))

    def add(self, id: str, data: bytes) -> None:
        """Keep the bytes of a file. Raises StateError (`files_full`) if there is no room."""
        with self._lock:
            if sum(map(len, self._kept.values())) + len(data) > self._most:
                text = f"All files of a server without a journal file may take {self._most} bytes. Set DATABASE_URL."
                raise StateError(text, code="files_full")
            self._kept[id] = data


class _MemoryBlob:
    def __init__(self, blobs: MemoryBlobs, id: str) -> None:
        self._blobs = blobs
        self._id = id
        self._data = bytearray()

    def write(self, data: bytes) -> None:
        self._data += data

    def keep(self) -> None:
        self._blobs.add(self._id, bytes(self._data))

    def drop(self) -> None:
        self._data.clear()


def _unwritable(folder: Path, exc: OSError) -> StorageError:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        text = f"the disk under {folder} is full: free some space"
        return StorageError(text, code="storage_full", retry_after=10)
    return StorageError(f"{folder} cannot be written ({exc.strerror}): check the folder and its permissions")
