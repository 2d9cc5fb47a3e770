"""Folders for the temporary files of principals."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.tools.process.temporary_folders import LOCAL, TemporaryFolders


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_each_principal_has_a_folder_until_all_are_removed(folder: Path) -> None:
    folders = TemporaryFolders()
    alice, bob = folders.of("alice"), folders.of("bob")
    assert alice is not None
    assert bob is not None
    assert alice != bob == folders.of("bob")
    assert [Path(each).stat().st_mode & 0o777 for each in (alice, bob)] == [0o700, 0o700]
    (Path(alice) / "left").write_text("x")
    folders.remove()
    assert list(folder.iterdir()) == []


def test_a_folder_that_something_removed_is_made_again() -> None:
    folders = TemporaryFolders()
    first = folders.of("alice")
    assert first is not None
    Path(first).rmdir()
    again = folders.of("alice")
    assert again is not None
    assert Path(again).is_dir()


def test_without_authentication_the_folder_of_the_machine_is_used(folder: Path) -> None:
    assert TemporaryFolders().of(LOCAL) is None
    assert list(folder.iterdir()) == []
