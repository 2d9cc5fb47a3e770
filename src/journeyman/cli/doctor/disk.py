"""What `journeyman doctor` looks at of the journal's file and its disk, and of files that hold secrets."""

from __future__ import annotations

import os
import shutil
import stat
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from journeyman.cli.client.connect import owner_url
from journeyman.cli.doctor.finding import CheckResult, State
from journeyman.settings import Settings

LEAST_FREE = 256 << 20  # bytes on the journal's disk
SLOW_FLUSH = 0.05  # seconds: every step of a run waits for one
_SHARED = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "fuse.sshfs"}
MOUNTS = Path("/proc/mounts")


def journal_files(path: Path | None) -> tuple[Path, ...]:
    return () if path is None else (path, path.with_name(f"{path.name}-wal"))


def journal(path: Path | None) -> CheckResult:
    """Can the file be written, is it ours and of this release, and is there room?"""
    if path is None:
        return CheckResult("journal", "warning", "memory://: everything is forgotten when the server ends")
    folder = path.parent
    if not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        return CheckResult("journal", "broken", f"{path} cannot be written: make the folder, or correct DATABASE_URL")
    free = shutil.disk_usage(folder).free
    state: State = "fine" if free >= LEAST_FREE else "warning"
    size = f"{path.stat().st_size / 1e6:.1f} MB, {_schema(path)}" if path.exists() else "not there yet"
    return CheckResult("journal", state, f"{path.resolve()} ({size}; {free / 1e9:.1f} GB free)")


def _schema(path: Path) -> str:
    """Raises ConfigurationError for a file of another program or of a later release."""
    import apsw  # a driver

    from journeyman.journal.sqlite.connection import connect_reader, schema_of, translate

    try:
        db = connect_reader(path)
        try:
            found, known = schema_of(db, path)
        finally:
            db.close()
    except apsw.Error as exc:
        raise translate(exc, path) from exc
    return f"schema {found}" if found == known else f"schema {found}, brought to {known} by the next start"


def disk(path: Path | None, mounts: str | None = None) -> CheckResult:
    """Is it local, and how long does a flush take? Writes and removes a small file."""
    if path is None:
        return CheckResult("disk", "fine", "none is needed")
    kind = file_system(
        path.parent.resolve(), MOUNTS.read_text() if mounts is None and MOUNTS.exists() else mounts or ""
    )
    if kind in _SHARED:
        text = f"{kind} is a network share: its locks and flushes cannot be trusted; put the journal on a local disk"
        return CheckResult("disk", "warning", text)
    seconds = flush(path.parent)
    text = f"{kind or 'unknown file system'}, a flush takes {seconds * 1000:.1f} ms"
    return (
        CheckResult("disk", "fine", text)
        if seconds < SLOW_FLUSH
        else CheckResult("disk", "warning", f"{text}: steps wait for it")
    )


def file_system(folder: Path, mounts: str) -> str:
    """The kind of the mount that holds the folder, out of /proc/mounts; empty: unknown."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        _, place, found = line.split(" ")[:3]
        if folder.is_relative_to(place.replace("\\040", " ")) and len(place) >= best:
            best, kind = len(place), found
    return kind


def flush(folder: Path, times: int = 5) -> float:
    """Median seconds of writing a page and waiting for the disk."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def owner(path: Path | None) -> CheckResult:
    url = owner_url(path)
    return CheckResult("server", "fine", f"answers at {url}" if url else "none is up on this journal")


def secret_files(settings: Settings) -> Iterable[Path]:
    """Files that hold keys or conversations."""
    named = (settings.api_key_file, settings.ssl_key_path, Path(".env"), *journal_files(settings.database_path))
    return [path for path in named if path is not None and path.is_file()]


def reachable(path: Path) -> bool:
    """A closed folder above it keeps everybody out."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def private(paths: Iterable[Path], reachable: Callable[[Path], bool] = reachable) -> CheckResult:
    """Nobody else on the machine should read keys and conversations."""
    if os.name == "nt":  # its modes say nothing about who may read
        return CheckResult("files", "fine", "modes are not looked at on Windows")
    looked = list(paths)
    open_ones = [path for path in looked if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH) and reachable(path)]
    if open_ones:
        names = " ".join(map(str, open_ones))
        return CheckResult("files", "warning", f"everybody on this machine may read {names}: chmod o-rw {names}")
    return CheckResult("files", "fine", f"{len(looked)} with keys or conversations, none open to everybody")
