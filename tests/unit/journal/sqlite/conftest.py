from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journeyman.journal.sqlite.journal import SqliteJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    made = SqliteJournal(path)
    await made.open()
    yield made
    await made.close()
