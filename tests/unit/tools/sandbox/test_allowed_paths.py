"""The paths that a tool with declared files may read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import journeyman
from journeyman.tools.sandbox.allowed_paths import holders_of, importable_in, readable_paths


def test_whatever_is_on_the_search_path_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = readable_paths("/srv/app/tools", ())
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert readable_paths("/srv/app/tools", ()) == before
    for secret in (tmp_path / ".env", Path("/srv/app/.env"), Path("/opt/app/.env"), Path("/usr/src/app/journeyman.db")):
        assert holders_of(secret, before) == []


def test_what_code_needs_is_read() -> None:
    allowed = readable_paths("/srv/tools", ("/srv/prices.py",))
    files = (journeyman.__file__, pytest.__file__, json_file(), sys.executable, "/srv/tools/a.py", "/srv/prices.py")
    for needed in (*files, "/etc/hosts", "/etc/ssl/certs/ca.crt", "/usr/share/zoneinfo/UTC"):
        assert any(Path(needed).is_relative_to(path) for path in allowed), needed


def json_file() -> str:
    import json

    return str(json.__file__)


@pytest.mark.parametrize("secret", ["/etc/shadow", "/etc/ssl/private/a.key", "/etc/journeyman/api_key", "/root/.env"])
def test_secrets_of_the_machine_are_not_read(secret: str) -> None:
    assert not [path for path in readable_paths("", ()) if Path(secret).is_relative_to(path)]


def test_only_code_of_a_folder_of_code_is_read(tmp_path: Path) -> None:
    for name in ("app/__init__.py", "one.py", "fast.so", "spaces/part/__init__.py", "data/rows.csv", ".git/hook.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    for name in (".env", "journeyman.db", "api-key"):
        (tmp_path / name).write_text("")
    found = [Path(path).name for path in importable_in(tmp_path)]
    assert found == ["app", "fast.so", "one.py", "spaces"]


def test_a_folder_into_which_distributions_were_installed_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "shop-1.0.dist-info").mkdir()
    assert list(importable_in(tmp_path)) == [str(tmp_path)]
    assert list(importable_in(tmp_path / "code.zip")) == [str(tmp_path / "code.zip")]


def test_who_holds_a_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    secret = tmp_path / "data" / "journeyman.db"
    allowed = (str(tmp_path / "other"), str(tmp_path / "link"), str(secret), str(tmp_path / "dat"))
    assert holders_of(secret, allowed) == [str(tmp_path / "link"), str(secret)]
