"""A copy of a journal, made beside its owner."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from journeyman.errors import BaseError, ConfigurationError, StorageError
from journeyman.journal.sqlite.backup import back_up
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import verify_journal
from tests.harness.sqlite_batches import accept


async def test_a_copy_holds_what_was_acknowledged(journal: SqliteJournal, path: Path, tmp_path: Path) -> None:
    await journal.commit(accept("r1"))
    told: list[float] = []
    target = tmp_path / "copy.db"
    assert back_up(path, target, told.append) == target.stat().st_size > 0
    assert (told[-1], verify_journal(target, 10)) == (1.0, [])
    copy = SqliteJournal(target)
    await copy.open()
    assert (await copy.run("r1")) is not None
    await copy.close()


async def test_a_copy_is_readable_by_its_owner_alone(journal: SqliteJournal, path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("there", [False, True])
def test_without_a_source_or_over_a_file_nothing_is_written(there: bool, tmp_path: Path) -> None:
    source: Any = tmp_path / "journal.db"
    target = tmp_path / "copy.db"
    if there:
        source.write_bytes(b"")
        target.write_text("mine")
    with pytest.raises(ConfigurationError):
        back_up(source, target)
    assert target.exists() is there
    assert not list(tmp_path.glob("*.partial*"))


async def test_overlapping_backups_to_one_name_make_one_copy(
    journal: SqliteJournal, path: Path, tmp_path: Path
) -> None:
    """Each waits for the others in the middle of its copy."""
    for number in range(30):
        await journal.commit(accept(f"r{number}", text="x" * 50_000))
    target, together, ended = tmp_path / "copy.db", threading.Barrier(3), list[Any]()

    def copy() -> None:
        waited = False

        def wait(part: float) -> None:
            nonlocal waited
            if not waited:
                waited = True
                together.wait(20)

        try:
            ended.append(back_up(path, target, wait))
        except BaseError as exc:
            ended.append(exc)

    threads = [threading.Thread(target=copy) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    refused = [each for each in ended if isinstance(each, ConfigurationError)]
    assert (len(ended), len(refused)) == (3, 2), ended
    assert all(str(target) in each.message for each in refused)
    assert verify_journal(target, 10) == []
    assert not list(tmp_path.glob("*.partial*"))


def test_a_full_disk_under_the_copy_does_not_blame_the_journal(path: Path, tmp_path: Path) -> None:
    code = (
        "import asyncio, resource, sys\n"
        "from pathlib import Path\n"
        "from journeyman.errors import StorageError\n"
        "from journeyman.journal.sqlite.backup import back_up\n"
        "from journeyman.journal.sqlite.journal import SqliteJournal\n"
        "async def main():\n"
        "    journal = SqliteJournal(sys.argv[1])\n"
        "    await journal.open()\n"
        "    await journal.close()\n"
        "asyncio.run(main())\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "try:\n"
        "    back_up(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except StorageError as exc:\n"
        "    print(exc.code, exc)\n"
    )
    target = tmp_path / "copy.db"
    command = [sys.executable, "-c", code, str(path), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.stdout.startswith(f"storage_full the disk under {target} is full"), done.stdout + done.stderr
    assert not list(tmp_path.glob("copy.db*"))


def test_a_damaged_journal_is_named(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"not a database, certainly" * 400)
    with pytest.raises(StorageError, match=f"{path} is not a journal"):
        back_up(path, tmp_path / "copy.db")
