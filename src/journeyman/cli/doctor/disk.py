"""Checks of the journal file, its disk, and the files that contain secrets."""

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
from journeyman.journal.sqlite.mounts import file_system, is_mount_point, is_shared, read_mounts
from journeyman.settings import Settings

MIN_FREE_BYTES = 256 << 20  # on the journal's disk
SLOW_FLUSH_SECONDS = 0.05  # every step of a run waits for a flush


def journal_files(path: Path | None) -> tuple[Path, ...]:
    """Return the paths of the journal file and its write-ahead log. Empty without a journal file."""
    return () if path is None else (path, path.with_name(f"{path.name}-wal"))


def journal(path: Path | None) -> CheckResult:
    """Check that the journal can be written, is not of another program or a later release, and has room on its disk.

    Raises ConfigurationError for a file of another program or of a later release.
    """
    if path is None:
        return CheckResult(
            "journal", "warning", "memory://: the server loses everything when it stops; set DATABASE_URL to keep runs"
        )
    folder = path.parent
    if not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        return CheckResult("journal", "broken", f"{path} cannot be written; make its folder, or correct DATABASE_URL")
    free = shutil.disk_usage(folder).free
    state: State = "fine" if free >= MIN_FREE_BYTES else "warning"
    size = f"{path.stat().st_size / 1e6:.1f} MB, {_schema(path)}" if path.exists() else "not made yet"
    return CheckResult("journal", state, f"{path.resolve()} ({size}; {free / 1e9:.1f} GB free)")


def _schema(path: Path) -> str:
    """Return the schema version of the file in words. Raises as `journal` does."""
    import apsw

    from journeyman.journal.sqlite.connection import connect_reader, schema_of, translate

    try:
        db = connect_reader(path)
        try:
            version, current = schema_of(db, path)
        finally:
            db.close()
    except apsw.Error as exc:
        raise translate(exc, path) from exc
    return f"schema {version}" if version == current else f"schema {version}, migrated to {current} by the next start"


def disk(path: Path | None, mounts: str | None = None) -> CheckResult:
    """Check that the disk is local, that the file is no mount point, and that flushes are fast.

    Writes and removes a small file.
    """
    if path is None:
        return CheckResult("disk", "fine", "not needed without a journal file")
    if mounts is None:
        mounts = read_mounts()
    if is_mount_point(path.resolve(), mounts):
        text = f"{path} is itself a mount point; mount its folder, since the -wal beside it must survive as well"
        return CheckResult("disk", "broken", text)
    kind = file_system(path.resolve().parent, mounts)
    if is_shared(kind):
        text = (
            f"{kind} is a network share or a FUSE file system, whose locks and flushes are unreliable; "
            "put the journal on a local disk"
        )
        return CheckResult("disk", "warning", text)
    seconds = flush_seconds(path.parent)
    text = f"{kind or 'unknown file system'}, a flush takes {seconds * 1000:.1f} ms"
    if seconds >= SLOW_FLUSH_SECONDS:
        return CheckResult("disk", "warning", f"{text}, which slows down every step of a run; use a faster disk")
    return CheckResult("disk", "fine", text)


def flush_seconds(folder: Path, times: int = 5) -> float:
    """Return the median time of writing a page and flushing it to the disk."""
    durations = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            durations.append(time.perf_counter() - start)
    return statistics.median(durations)


def owner(path: Path | None) -> CheckResult:
    """Report the server that owns the journal, if one is running."""
    url = owner_url(path)
    return CheckResult("server", "fine", f"a server answers at {url}" if url else "no server uses this journal")


def secret_files(settings: Settings) -> Iterable[Path]:
    """Return the existing files that contain keys or conversations."""
    paths = (*settings.secret_paths, *journal_files(settings.database_path))
    return [path for path in paths if path.is_file()]


def is_reachable(path: Path) -> bool:
    """Return whether every user can reach the file: no folder above it is closed to other users."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def file_modes(paths: Iterable[Path], is_reachable: Callable[[Path], bool] = is_reachable) -> CheckResult:
    """Check that no other user of this machine can read or write the files."""
    if os.name == "nt":  # file modes do not say who may read a file
        return CheckResult("files", "fine", "file modes are not checked on Windows")
    files = list(paths)
    exposed = [path for path in files if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH) and is_reachable(path)]
    if exposed:
        names = " ".join(map(str, exposed))
        return CheckResult("files", "warning", f"every user of this machine can read {names}; run chmod o-rw {names}")
    return CheckResult("files", "fine", f"{len(files)} files with keys or conversations, all closed to other users")
