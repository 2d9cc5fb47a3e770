from __future__ import annotations

from importlib.resources import files

from journeyman.journal.sqlite.statements import migrations


def test_migrations_are_numbered_from_one_without_gap_or_twin() -> None:
    folder = files("journeyman.journal.sqlite") / "sql"
    numbers = sorted(int(item.name[:4]) for item in folder.iterdir() if item.name[:4].isdigit())
    assert numbers == list(range(1, len(migrations()) + 1))
