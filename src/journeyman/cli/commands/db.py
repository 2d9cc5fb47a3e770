"""`journeyman db`: migrates, copies, restores, verifies and prunes the journal file, and holds runs in it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from journeyman.cli.client.connect import journal_file, running_server
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.cli.exit_codes import FAILED, OK
from journeyman.cli.growing_count import GrowingCount
from journeyman.cli.output import CommandOutput, Json, Url
from journeyman.clock import SystemClock
from journeyman.errors import ConfigurationError, ValidationError
from journeyman.events.codec import Codec
from journeyman.files.blobs import DiskBlobs
from journeyman.files.store import FileStore
from journeyman.ids import RandomIds
from journeyman.journal.sqlite.backup import back_up
from journeyman.journal.sqlite.file_bytes import files_folder
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.restore import restore
from journeyman.journal.sqlite.verify import verify_journal
from journeyman.runtime.retention import Keep, Retention
from journeyman.runtime.use_cases.held_runs import HeldRuns
from journeyman.settings import Settings

app = typer.Typer(help="Migrate, copy, restore, verify and prune the journal file, and hold runs.")
MAX_DAMAGES = 100  # printed by `verify`
MEGABYTE = 1_000_000


@app.command("migrate")
def migrate(json: Json = False) -> None:
    """Update the journal's schema to this release. Every start of the server does the same."""
    path = _database_path(Settings.read())
    epoch = asyncio.run(_open_and_close(path))
    CommandOutput(json=json).show({"path": str(path), "epoch": epoch}, f"The schema of {path} is up to date.")


async def _open_and_close(path: Path) -> int:
    """Open the journal, which migrates its schema, and return the epoch of that opening."""
    journal = SqliteJournal(path)
    await journal.open()
    try:
        return journal.epoch
    finally:
        await journal.close()


@app.command("backup")
def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist.")],
    json: Json = False,
) -> None:
    """Copy the journal and its files as they are now. A server may be running."""
    source = journal_file(Settings.read())
    size = back_up(source, target, _progress(json))
    text = f"Copied the journal to {target} ({size / MEGABYTE:.1f} MB). Check it with `journeyman db verify {target}`."
    CommandOutput(json=json).show({"path": str(target), "bytes": size}, text)


def _progress(json: bool) -> Callable[[float], None]:
    """Return a function that prints the finished share (0 to 1) on one line, or nothing without a terminal."""
    if json or not sys.stderr.isatty():
        return lambda share: None
    return lambda share: print(f"\r{share:.0%} ", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)


@app.command("restore")
def restore_backup(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="The backup to put in place. It stays as it is.")],
    json: Json = False,
) -> None:
    """Put a backup in the place of the journal. The server must be stopped; the files there before are kept."""
    path = _database_path(Settings.read())
    kept = restore(source, path, _progress(json))
    text = f"Restored {path} from {source}." + (f" What was there before is now {kept}." if kept else "")
    CommandOutput(json=json).show({"path": str(path), "kept": str(kept) if kept else None}, text)


@app.command("verify")
def verify(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A backup. [the journal itself]")] = None,
    json: Json = False,
) -> None:
    """Check a journal: SQLite's pages, gaps, checksums, the state of every run, rows against events, and files.

    A server may be running. Exit code 1: something is damaged.
    """
    path = file or journal_file(Settings.read())
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}. Give the path of a journal or of a backup.")
    damages = verify_journal(path, MAX_DAMAGES, _progress(json))
    text = "\n".join(damages) or f"{path} is not damaged."
    CommandOutput(json=json).show({"path": str(path), "damages": damages}, text)
    raise typer.Exit(FAILED if damages else OK)


@app.command("hold")
def hold(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    json: Json = False,
) -> None:
    """Hold a run, so that the next start of the server does not resume it. The server must be stopped."""
    asyncio.run(_change_hold(_database_path(Settings.read()), run_id, held=True))
    CommandOutput(json=json).show({"run_id": run_id, "held": True}, f"Run {run_id} is held.")


@app.command("release")
def release(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    json: Json = False,
) -> None:
    """Release a held run, so that the next start of the server resumes it. The server must be stopped.

    Beside a running server, use `POST /runs/RUN/release`.
    """
    asyncio.run(_change_hold(_database_path(Settings.read()), run_id, held=False))
    text = f"Run {run_id} is released: the next start of the server resumes it."
    CommandOutput(json=json).show({"run_id": run_id, "held": False}, text)


async def _change_hold(path: Path, run_id: str, *, held: bool) -> None:
    """Hold or release a run in the journal's file. No run is driven."""
    journal = SqliteJournal(path)
    await journal.open()
    try:
        runs = HeldRuns(journal, Codec(), SystemClock())
        await (runs.hold(run_id) if held else runs.release(run_id))
    finally:
        await journal.close()


@app.command("prune")
def prune(
    days: Annotated[
        float | None, typer.Option(min=0, help="Keep threads that were used within this number of days.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=0, help="Keep this number of threads, those used last.")] = None,
    megabytes: Annotated[
        float | None, typer.Option(min=0, help="Keep what fits into this number of megabytes.")
    ] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Erase threads until every given limit holds, starting with the one unused for the longest time.

    A thread with an open run is kept.
    """
    limits: dict[str, Any] = {"days": days, "threads": threads, "megabytes": megabytes}
    body = {name: value for name, value in limits.items() if value is not None}
    if not body:
        raise ValidationError("Say what to keep with --days, --threads or --megabytes.")
    settings = Settings.read()
    server = running_server(settings, url)
    if server is not None:
        result = _prune_on_server(server, body)
    else:
        counter = GrowingCount(sys.stderr, "threads erased", is_shown=not json)
        result = asyncio.run(_prune_file(_database_path(settings), Keep.of(**limits), counter.show))
        counter.end()
    size = f"{result['bytes'] / MEGABYTE:.1f} MB"
    CommandOutput(json=json).show(result, f"Erased {result['erased']} threads and kept {result['threads']} ({size}).")


def _prune_on_server(server: HttpApiClient, body: dict[str, Any]) -> dict[str, Any]:
    with server as client:
        result: dict[str, Any] = client.call("POST", "/retention/prune", body)
        return result


async def _prune_file(path: Path, keep: Keep, progress: Callable[[int], None]) -> dict[str, Any]:
    journal = SqliteJournal(path)
    await journal.open()
    files = FileStore(journal, DiskBlobs(files_folder(path)), SystemClock(), RandomIds())
    try:
        erased, kept = await Retention(journal, SystemClock(), files).prune(keep, progress)
    finally:
        await files.aclose()
        await journal.close()
    return {"erased": erased, "threads": kept.threads, "bytes": kept.bytes}


def _database_path(settings: Settings) -> Path:
    if settings.database_path is None:
        raise ConfigurationError("The journal memory:// has no file. Set DATABASE_URL=sqlite:///FILE.")
    return settings.database_path
