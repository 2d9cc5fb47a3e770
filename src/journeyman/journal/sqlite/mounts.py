"""The mounted file systems of this machine: of which kind a folder's is, and whether a file is itself a mount point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
# Their locks may not reach other machines, and their answers may lag behind.
_SHARED = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "virtiofs",
    "vboxsf",
    "prl_fs",
    "drvfs",
    "fakeowner",
    "ceph",
    "glusterfs",
    "lustre",
    "afs",
}


def read_mounts() -> str:
    """Return the table of mounts as text, empty on a system without one."""
    try:
        return MOUNTS.read_text("utf-8", "replace")
    except OSError:
        return ""


def file_system(folder: Path, mounts: str) -> str:
    """Return the kind of the file system that the folder is in, or "" if it is unknown."""
    longest, kind = -1, ""
    for mount_point, mount_kind in _mounts(mounts):
        if folder.is_relative_to(mount_point) and len(mount_point) >= longest:
            longest, kind = len(mount_point), mount_kind
    return kind


def is_shared(kind: str) -> bool:
    """Return whether a kind of file system is shared with other machines, or is made by a program (FUSE)."""
    return kind in _SHARED or kind == "fuse" or kind.startswith("fuse.")


def is_mount_point(path: Path, mounts: str) -> bool:
    """Return whether something is mounted at exactly this path."""
    return any(Path(mount_point) == path for mount_point, _ in _mounts(mounts))


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    """Return mount point and kind of each line."""
    for line in text.splitlines():
        _, mount_point, kind = line.split(" ")[:3]
        for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            mount_point = mount_point.replace(code, character)
        yield mount_point, kind
