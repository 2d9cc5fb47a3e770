from __future__ import annotations

import re
from pathlib import Path

import pytest

from journeyman.cli.client.connect import journal_file, owner_url
from journeyman.cli.commands.init import FILES, create_project
from journeyman.cli.commands.serve import parser
from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.file_lock import FileLock, owner_of, publish_address
from journeyman.settings import Settings


def test_a_project_has_its_folders_name(tmp_path: Path) -> None:
    made = create_project(tmp_path / "My Agent!")
    assert [str(path.relative_to(tmp_path / "My Agent!")) for path in made] == list(FILES)
    assert "name: my-agent\n" in made[0].read_text()
    assert not [path for path in made if re.search("@[A-Z]+@", path.read_text())], "a place was left open"


def test_nothing_is_overwritten_and_nothing_half_made(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"\.env\.example: exists already"):
        create_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".env.example"]


def test_the_example_of_settings_can_be_read(tmp_path: Path) -> None:
    create_project(tmp_path)
    example = tmp_path / ".env.example"
    assert Settings.read(env_file=example).database_path == Path("journeyman.db")


def test_the_owner_leaves_its_address(tmp_path: Path) -> None:
    database = tmp_path / "x.db"
    assert owner_of(database) == ("", "")
    lock = FileLock(database)
    lock.take()
    pid, url = owner_of(database)
    assert (pid.isdigit(), url) == (True, "")
    publish_address(database, "http://127.0.0.1:1")
    assert owner_of(database) == (pid, "http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=f"in use by process {pid}:"):
        FileLock(database).take()
    lock.release()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://192.0.2.1:80", "file:///etc/passwd", ""])
def test_an_address_that_is_left_over_or_foreign_is_not_used(tmp_path: Path, url: str) -> None:
    publish_address(tmp_path / "x.db", url)
    assert owner_url(tmp_path / "x.db") is None
    assert owner_url(None) is None


def test_the_file_to_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--url"):
        journal_file(Settings.read(database_url="memory://"))
    with pytest.raises(ConfigurationError, match="There is no journal"):
        journal_file(Settings.read(database_url=f"sqlite:///{tmp_path}/x.db"))


def test_the_command_line_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    given = parser().parse_args(["agents", "--port", "0", "--no-watch"])
    assert (given.path, given.port, given.watch, given.offline) == (Path("agents"), 0, False, False)
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["--nonsense"])
    assert ended.value.code == 2
    assert "--nonsense" in capsys.readouterr().err
