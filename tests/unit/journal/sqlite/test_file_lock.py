from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.journal import SqliteJournal


async def test_a_second_owner_is_told_who_has_it(journal: SqliteJournal, path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from journeyman.journal.sqlite.journal import SqliteJournal\n"
        "asyncio.run(SqliteJournal(sys.argv[1]).open())\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=30
    )
    assert "ConfigurationError" in done.stderr
    with pytest.raises(ConfigurationError, match=r"journal\.db is in use by process \d+: stop that server"):
        await SqliteJournal(path).open()


async def test_a_process_that_forgets_to_close_still_ends(path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from journeyman.journal.sqlite.journal import SqliteJournal\n"
        "from journeyman.journal.journal import RunFilter\n"
        "async def main():\n"
        "    journal = SqliteJournal(sys.argv[1])\n"
        "    await journal.open()\n"
        "    await journal.runs(RunFilter())\n"
        "asyncio.run(main())\n"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, str(path)], timeout=20)
    assert done.returncode == 0


async def test_the_file_is_its_owners_alone(journal: SqliteJournal, path: Path) -> None:
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
