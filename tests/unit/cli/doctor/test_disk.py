"""What the doctor says of the journal's file, its disk, and files that hold secrets."""

from __future__ import annotations

from pathlib import Path

from journeyman.cli.doctor import disk as disks
from journeyman.settings import Settings

KEY = "k" * 43


def settings(**given: object) -> Settings:
    return Settings.read(env_file=None, **given)


def test_the_journal_can_be_written_and_is_ours(tmp_path: Path) -> None:
    assert disks.journal(tmp_path / "x.db").state == "fine"
    assert disks.journal(tmp_path / "no" / "x.db").state == "broken"
    assert disks.journal(None).state == "warning"


def test_a_network_share_is_no_place_for_a_journal(tmp_path: Path) -> None:
    assert "network share" in disks.disk(tmp_path / "x.db", f"a {tmp_path} nfs4 rw 0 0\n").text
    assert "FUSE" in disks.disk(tmp_path / "x.db", f"a {tmp_path} virtiofs rw 0 0\n").text
    assert disks.disk(tmp_path / "x.db", f"a {tmp_path}/x.db ext4 rw 0 0\n").state == "broken"
    assert "a flush takes" in disks.disk(tmp_path / "x.db", "").text
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_files_that_hold_secrets_are_for_their_owner(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    found = disks.secret_files(settings(api_key_file=key, database_url=f"sqlite:///{tmp_path}/x.db"))
    assert list(found) == [key]
    assert disks.file_modes([key]).state == "fine"
    key.chmod(0o604)
    assert f"chmod o-rw {key}" in disks.file_modes([key], is_reachable=lambda _: True).text
    tmp_path.chmod(0o700)
    assert disks.file_modes([key]).state == "fine", "no other user can reach a file in a closed folder"
