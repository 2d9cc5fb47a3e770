"""What the table of mounts says of the place of a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.journal.sqlite.mounts import file_system, is_mount_point, is_shared, read_mounts

MOUNTS = "a / ext4 rw 0 0\nb /data nfs4 rw 0 0\nc /data/my\\040disk xfs rw 0 0\nd /srv/journal.db ext4 rw 0 0\n"


@pytest.mark.parametrize(
    ("folder", "kind"), [("/var/x", "ext4"), ("/data/y", "nfs4"), ("/data/my disk/z", "xfs"), ("/database", "ext4")]
)
def test_the_file_system_of_a_folder(folder: str, kind: str) -> None:
    assert file_system(Path(folder), MOUNTS) == kind


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "fuse", "fuse.sshfs", "fuse.grpcfuse"]
)
def test_kinds_that_are_shared(kind: str) -> None:
    assert is_shared(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuseblk", ""])
def test_kinds_that_are_local(kind: str) -> None:
    assert not is_shared(kind)


def test_a_file_that_is_a_mount_point() -> None:
    assert is_mount_point(Path("/srv/journal.db"), MOUNTS)
    assert not is_mount_point(Path("/srv/other.db"), MOUNTS)
    assert is_mount_point(Path("/data/my disk"), MOUNTS)


def test_the_table_of_this_machine_has_its_root() -> None:
    assert is_mount_point(Path("/"), read_mounts())
