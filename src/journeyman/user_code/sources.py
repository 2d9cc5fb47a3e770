"""Reads the Python files of a folder once, so that a later change cannot separate what was checked from what runs."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

MAX_FILES = 1000
MAX_BYTES = 1024 * 1024  # per file
MAX_KEPT = 8 * 1024 * 1024  # in total; of a larger folder only the fingerprint is kept
MAX_DEPTH = 8


class FolderSources(NamedTuple):
    """The contents of a folder's Python files by path below the folder, and the fingerprint of all of them.

    `files` is empty if the folder is too large to keep, or if a single file was read.
    """

    files: Mapping[str, bytes]
    fingerprint: str


def read_sources(root: Path) -> FolderSources:
    """Read the Python files under `root`, or in its folder if `root` is a file, including those named `_*`."""
    whole = root.is_dir()
    folder = root if whole else root.parent
    digest, files = hashlib.sha256(), {}
    paths = _files(folder, 0 if whole else MAX_DEPTH)
    for path in itertools.islice(paths, MAX_FILES):
        name = path.relative_to(folder).as_posix()
        digest.update(f"\0{name}\0".encode(errors="surrogateescape"))
        try:
            with path.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
                digest.update(f"{os.fstat(stream.fileno()).st_mode}\0".encode())
        except OSError as exc:
            digest.update(type(exc).__name__.encode())
            continue
        digest.update(content)
        files[name] = content
    small = sum(map(len, files.values())) <= MAX_KEPT and all(len(each) <= MAX_BYTES for each in files.values())
    return FolderSources(files if whole and small else {}, digest.hexdigest()[:16])


def _files(folder: Path, depth: int) -> Iterator[Path]:
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return
    for path in found:
        if path.name.startswith((".", "__pycache__")):
            continue
        if path.suffix == ".py" and path.is_file():
            yield path
        elif depth < MAX_DEPTH and path.is_dir() and not path.is_symlink():
            yield from _files(path, depth + 1)
