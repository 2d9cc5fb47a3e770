"""The folder beside a journal with the bytes of its files: copied with a backup, and compared with their rows."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from journeyman.journal.sqlite.partial_file import sync_file, sync_folder

_IDS = "SELECT id FROM files ORDER BY id"
_KNOWS_FILES = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'files'"
_ROWS = "SELECT id, size, sha256 FROM files ORDER BY id"
_IS_THERE = "SELECT count(*) FROM files WHERE id = ?"
_SPACE = """SELECT s.principal, s.bytes,
        (SELECT coalesce(sum(max(f.size, 4096)), 0) FROM files f WHERE f.principal = s.principal)
    FROM file_space s"""


def files_folder(journal: Path) -> Path:
    """Return the folder of the files that belong to the journal at this path."""
    return journal.with_name(journal.name + ".files")


def file_ids(db: apsw.Connection) -> list[str]:
    """Return the ids of all files of a journal. One of an earlier release has none."""
    if db.execute(_KNOWS_FILES).fetchall() == [(0,)]:
        return []
    return [str(row[0]) for row in db.execute(_IDS)]


def copy_files(ids: Iterable[str], source: Path, target: Path) -> None:
    """Make `target` hold the bytes of these files and no others, durably. It is made with the first one.

    A file that is gone from `source` is left out: its last thread was erased meanwhile.
    """
    named = set(ids)
    for id in sorted(named):
        if not (target / id).exists() and (source / id).exists():
            target.mkdir(0o700, exist_ok=True)
            with suppress(FileNotFoundError):
                _copy_file(source / id, target / id)
    for path in list(target.iterdir()) if target.is_dir() else ():
        if path.name not in named:
            path.unlink()


def _copy_file(source: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, partial)
    partial.chmod(0o600)
    sync_file(partial)
    partial.rename(target)


@contextmanager
def partial_folder(journal: Path) -> Iterator[Path]:
    """Yield the folder of an incomplete journal's files, which is deleted at the end unless it was put in its place."""
    folder = files_folder(journal)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_folder(folder: Path, target: Path) -> int:
    """Put a complete folder of files in its place, durably. Returns the bytes in it; 0 if there is no folder."""
    if not folder.is_dir():
        return 0
    sync_folder(folder)
    folder.rename(target)
    sync_folder(target.parent)
    return sum(path.stat().st_size for path in target.iterdir())


def damaged_files(db: apsw.Connection, folder: Path) -> Iterator[str]:
    """Return a line for each file whose bytes are missing or differ, and for each wrong sum of them."""
    for id, size, sha256 in db.execute(_ROWS).fetchall():
        found = _digest(folder / str(id))
        if found == (size, sha256):
            continue
        if found is not None:
            yield f"file {id}: its bytes are not those that were stored"
        elif db.execute(_IS_THERE, (id,)).fetchall() == [(1,)]:  # else it was deleted meanwhile
            yield f"file {id}: its bytes are not in {folder}"
    for principal, stored, counted in db.execute(_SPACE):
        if stored != counted:
            yield f"files of {principal}: they take {counted} bytes, the row says {stored}"


def _digest(path: Path) -> tuple[int, str] | None:
    """Return size and SHA-256 of a file. Returns None if it is not there."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return file.tell(), digest.hexdigest()
    except FileNotFoundError:
        return None
