"""The files of a server that the processes of MCP servers find empty: its journal and its secrets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from journeyman.journal.sqlite.file_bytes import files_folder
from journeyman.settings import Settings


def covered_files(settings: Settings) -> tuple[str, ...]:
    """Return the journal with all that is beside it under its name, `.env` and the files of keys, those that exist.

    The folder of uploaded files is made if it is missing, since what is made later cannot be covered any more.
    """
    paths = [path.resolve() for path in settings.secret_paths]
    if settings.database_path is not None:
        paths += _beside(settings.database_path)
    return tuple(dict.fromkeys(str(path) for path in paths if path.exists()))


def _beside(journal: Path) -> Iterator[Path]:
    for path in dict.fromkeys((journal.absolute(), journal.resolve())):
        with contextlib.suppress(OSError):
            files_folder(path).mkdir(0o700, exist_ok=True)
            yield from (each for each in path.parent.iterdir() if _is_of(each.name, path.name))


def _is_of(name: str, journal: str) -> bool:
    """Return whether a file is the journal, or named after it: `.lock`, `-wal`, `.cache`, `.replaced`, …"""
    return name == journal or name.startswith((f"{journal}.", f"{journal}-"))
