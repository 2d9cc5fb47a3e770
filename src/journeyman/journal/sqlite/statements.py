"""The SQL of the SQLite backend, loaded from the folder `sql`: numbered migrations and named queries."""

from __future__ import annotations

import re
from importlib.resources import files

_FOLDER = files("journeyman.journal.sqlite") / "sql"


def migrations() -> list[str]:
    """Return the migration scripts in order. Script n takes a file from `user_version` n - 1 to n."""
    scripts = sorted(item.name for item in _FOLDER.iterdir() if re.fullmatch(r"\d{4}_\w+\.sql", item.name))
    return [(_FOLDER / name).read_text("utf-8") for name in scripts]


def named_statements() -> dict[str, str]:
    """Return the statement of each name, as one line without line breaks."""
    found = re.split(r"^-- name: (\w+)$", (_FOLDER / "queries.sql").read_text("utf-8"), flags=re.MULTILINE)[1:]
    statements = {name: " ".join(text.split()) for name, text in zip(found[::2], found[1::2], strict=True)}
    return {name: text.replace("{matches}", statements["matches"]) for name, text in statements.items()}


Q = named_statements()
