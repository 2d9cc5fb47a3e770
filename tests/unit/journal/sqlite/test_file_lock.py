"""One process owns a journal file, whatever name it is called by, and keeps it whatever else reads the file."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from journeyman.cli.doctor import disk as disks
from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.backup import back_up
from journeyman.journal.sqlite.file_lock import FileLock, lock_files, owner_of, publish_address, real_path
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import verify_journal
from tests.harness.sqlite_batches import accept


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
    assert f"journal.db is in use by process {os.getpid()} (`" in done.stderr
    with pytest.raises(ConfigurationError, match=r"journal\.db is in use by this process already"):
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


def _links(path: Path) -> dict[str, Path]:
    """Return other names of the file, and make them where they are not there."""
    names = {name: path.with_name(f"{name}.db") for name in ("symbolic", "hard")}
    if not names["symbolic"].is_symlink():
        names["symbolic"].symlink_to(path)
        names["hard"].hardlink_to(path)
    return names


def _doctor(path: Path) -> None:
    assert disks.journal(path).state != "broken"
    disks.disk(path)
    disks.file_modes([*disks.journal_files(path)])


def _back_up(path: Path) -> None:
    back_up(path, path.with_name("copy.db"))


def _verify(path: Path) -> None:
    assert verify_journal(path, 10) == []


def _refused_second(path: Path) -> None:
    for name in (path, *_links(path).values()):
        with pytest.raises(ConfigurationError):
            FileLock(name).take()


def _publish(path: Path) -> None:
    publish_address(path, "http://127.0.0.1:1")
    assert owner_of(path)[1]


# Each reads the file in the process of its owner, where closing a descriptor could drop locks.
READERS = (_doctor, _back_up, _verify, _refused_second, _publish)

SECOND_PROCESS = """
import fcntl, os, sqlite3, sys
from pathlib import Path
from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.file_lock import FileLock
path, *others = map(Path, sys.argv[1:])
for name in (path, *others):
    try:
        FileLock(name).take()
        print("locked", name)
    except ConfigurationError:
        pass
fd = os.open(f"{path}.lock", os.O_RDWR)
try:
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("an earlier release gets in")
except BlockingIOError:
    pass
db = sqlite3.connect(path, timeout=0)
try:
    db.execute("PRAGMA journal_mode = delete")
    print("SQLite's own locks have fallen")
except sqlite3.OperationalError:
    pass
"""


@pytest.mark.parametrize("read", READERS)
async def test_no_second_process_gets_in_after(
    read: Callable[[Path], None], journal: SqliteJournal, path: Path
) -> None:
    await journal.commit(accept("r1"))
    names = _links(path)
    read(path)
    command = [sys.executable, "-c", SECOND_PROCESS, str(path), *map(str, names.values())]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("", "")
    assert (await journal.commit(accept("r2"))).entries


async def test_the_lock_of_an_earlier_release_keeps_this_one_out(path: Path) -> None:
    fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.pwrite(fd, b"4711\n", 0)
    with pytest.raises(ConfigurationError, match="in use by this process already"):
        await SqliteJournal(path).open()
    link = path.with_name("link.db")
    link.symlink_to(path)
    with pytest.raises(ConfigurationError, match="in use by this process already"):
        await SqliteJournal(link).open()
    os.close(fd)


async def test_a_symbolic_link_leads_to_the_file_and_its_owner(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path, link = tmp_path / "real" / "journal.db", tmp_path / "link.db"
    link.symlink_to(path)
    journal = SqliteJournal(link)
    await journal.open()
    publish_address(link, "http://127.0.0.1:1")
    assert owner_of(path) == owner_of(link) == (str(os.getpid()), "http://127.0.0.1:1")
    assert {file.name for file in path.parent.iterdir()} >= {"journal.db", "journal.db-wal", "journal.db.lock"}
    with pytest.raises(ConfigurationError):
        await SqliteJournal(path).open()
    await journal.close()


def test_a_link_of_the_folder_is_one_lock(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert lock_files(tmp_path / "link" / "x.db") == [real_path(tmp_path / "real") / "x.db.lock"]


@pytest.mark.parametrize("made", [False, True])
async def test_a_log_without_its_journal_is_kept(made: bool, path: Path) -> None:
    """SQLite deletes a log beside an empty file, and everything that was committed to it."""
    journal = SqliteJournal(path)
    await journal.open()
    await journal.commit(accept("r1"))
    log = path.with_name(f"{path.name}-wal")
    kept = log.read_bytes()
    await journal.close()
    for file in path.parent.iterdir():
        file.unlink()
    if made:
        path.touch()
    log.write_bytes(kept)
    with pytest.raises(ConfigurationError, match="holds committed data"):
        await SqliteJournal(path).open()
    assert log.read_bytes() == kept


async def test_a_file_that_is_a_mount_point_is_refused(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="mount its folder"):
        await SqliteJournal(path, mounts=lambda: f"x {path} ext4 rw 0 0\n").open()
    assert not path.exists()


async def test_a_shared_file_system_is_a_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = SqliteJournal(path, mounts=lambda: f"x {path.parent} virtiofs rw 0 0\n")
    await journal.open()
    assert (await journal.commit(accept("r1"))).entries
    await journal.close()
    assert "virtiofs" in caplog.text


# Each size ends another step of the start: the lock file, the first page, the schema, the log.
@pytest.mark.parametrize("size", [0, 100, 4096, 20_000, 60_000])
def test_a_full_disk_is_named_at_the_start(size: int, path: Path) -> None:
    code = (
        "import asyncio, resource, sys\n"
        "from journeyman.errors import StorageError\n"
        "from journeyman.journal.sqlite.journal import SqliteJournal\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "try:\n"
        "    asyncio.run(SqliteJournal(sys.argv[1]).open())\n"
        "except StorageError as exc:\n"
        "    print(exc.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("storage_full\n", "")
