from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.server.covered_files import covered_files
from journeyman.settings import Settings


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_journal_with_all_that_is_named_after_it_and_every_key_file(alone: Path) -> None:
    data = alone / "data"
    data.mkdir()
    ours = ["j.db", "j.db-wal", "j.db-shm", "j.db.lock", "j.db.cache", "j.db.replaced", "j.db.replaced-wal"]
    for name in (*ours, "j.dbx", "notes.md", "memory.json"):
        (data / name).touch()
    (alone / ".env").touch()
    (alone / "gateway-key").write_text("sk-1")
    settings = Settings.read(database_url="sqlite:///data/j.db", litellm_gateway_api_key_file="gateway-key")
    covered = set(covered_files(settings))
    assert covered == {str(alone / name) for name in (".env", "gateway-key", "data/j.db.files")} | {
        str(data / name) for name in ours
    }
    assert (data / "j.db.files").stat().st_mode & 0o777 == 0o700, "files that are uploaded later are covered too"


def test_links_are_covered_where_they_lead_and_what_is_missing_is_left_out(alone: Path) -> None:
    (alone / "real").mkdir()
    for name in ("env", "j.db", "j.db-wal"):
        (alone / "real" / name).touch()
    (alone / ".env").symlink_to("real/env")
    (alone / "j.db").symlink_to("real/j.db")
    covered = set(covered_files(Settings.read(database_url="sqlite:///j.db")))
    assert {str(alone / "real" / name) for name in ("env", "j.db", "j.db-wal")} <= covered
    assert covered_files(Settings.read(None, database_url="memory://")) == (str(alone / "real/env"),)
