"""The SQL of the SQLite backend, from the files beside: numbered migrations and named queries."""

from __future__ import annotations

import re
from importlib.resources import files

_FOLDER = files("journeyman.journal.sqlite") / "sql"


def migrations() -> list[str]:
    """The scripts, in order; script n brings a file from `user_version` n - 1 to n."""
    scripts = sorted(item.name for item in _FOLDER.iterdir() if re.fullmatch(r"\d{4}_\w+\.sql", item.name))
    return [(_FOLDER / name).read_text() for name in scripts]


def named_statements() -> dict[str, str]:
    """Name -> statement, comments and line breaks removed so that a statement is one short line."""
    found = re.split(r"^-- name: (\w+)$", (_FOLDER / "queries.sql").read_text(), flags=re.MULTILINE)[1:]
    return {name: " ".join(text.split()) for name, text in zip(found[::2], found[1::2], strict=True)}


Q = named_statements()
