from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.cli.client.connect import journal_file, owner_url
from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.file_lock import FileLock, owner_of, publish_address
from journeyman.settings import Settings


def test_the_lock_file_holds_the_owners_address(tmp_path: Path) -> None:
    database = tmp_path / "x.db"
    assert owner_of(database) == ("", "")
    lock = FileLock(database)
    lock.take()
    pid, url = owner_of(database)
    assert (pid.isdigit(), url) == (True, "")
    publish_address(database, "http://127.0.0.1:1")
    assert owner_of(database) == (pid, "http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="in use by this process already"):
        FileLock(database).take()
    lock.release()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://192.0.2.1:80", "file:///etc/passwd", ""])
def test_an_address_that_does_not_answer_or_is_not_loopback_is_not_used(tmp_path: Path, url: str) -> None:
    publish_address(tmp_path / "x.db", url)
    assert owner_url(tmp_path / "x.db") is None
    assert owner_url(None) is None


def test_without_a_journal_file_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--url"):
        journal_file(Settings.read(database_url="memory://"))
    with pytest.raises(ConfigurationError, match="There is no journal"):
        journal_file(Settings.read(database_url=f"sqlite:///{tmp_path}/x.db"))
