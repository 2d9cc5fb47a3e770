"""`journeyman db`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from journeyman.cli.client.connect import journal_file, running_server
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.cli.exit_codes import FAILED, OK
from journeyman.cli.output import CommandOutput, Json, Url
from journeyman.clock import SystemClock
from journeyman.errors import ConfigurationError, ValidationError
from journeyman.journal.sqlite.backup import back_up
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.sqlite.verify import verify_journal as journal_verify
from journeyman.runtime.retention import Keep, Retention
from journeyman.settings import Settings

app = typer.Typer(help="The journal's file: bring it up to date, copy it, check it, make it smaller.")
SHOWN = 100  # damages: more say nothing new
MEGABYTE = 1_000_000


@app.command("migrate")
def migrate(json: Json = False) -> None:
    """Bring the journal's schema up to this release. A start of the server does the same."""
    path = _file(Settings.read())
    epoch = asyncio.run(_opened(path))
    CommandOutput(json=json).show({"path": str(path), "epoch": epoch}, f"{path} is up to date")


async def _opened(path: Path) -> int:
    journal = SqliteJournal(path)
    await journal.open()
    try:
        return journal.epoch
    finally:
        await journal.close()


@app.command("backup")
def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; it must not exist.")],
    json: Json = False,
) -> None:
    """Copy the journal as it is now, also beside a running server."""
    source = journal_file(Settings.read())
    size = back_up(source, target, _progress(json))
    text = f"{target}: {size / MEGABYTE:.1f} MB, all that was acknowledged before. `journeyman db verify {target}`"
    CommandOutput(json=json).show({"path": str(target), "bytes": size}, text)


def _progress(json: bool) -> Any:
    """A line that counts up, on a terminal only."""
    if json or not sys.stderr.isatty():
        return lambda part: None
    return lambda part: print(f"\r{part:.0%} ", end="\n" if part >= 1 else "", file=sys.stderr, flush=True)


@app.command("verify")
def verify(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A backup; default: the journal itself.")] = None,
    json: Json = False,
) -> None:
    """Check a journal, also beside a running server: pages, gaps, that every run folds, rows against events."""
    path = file or journal_file(Settings.read())
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}: name a journal or a backup of one")
    found = journal_verify(path, SHOWN)
    output = CommandOutput(json=json)
    output.show({"path": str(path), "damages": found}, "\n".join(found) or f"{path} is whole")
    raise typer.Exit(FAILED if found else OK)


@app.command("prune")
def prune(
    days: Annotated[float | None, typer.Option(min=0, help="Keep threads touched within so many days.")] = None,
    threads: Annotated[int | None, typer.Option(min=0, help="Keep so many threads, the newest.")] = None,
    megabytes: Annotated[float | None, typer.Option(min=0, help="Keep what fits into so many megabytes.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Erase threads, the longest untouched first, until every bound given holds. Open runs keep theirs."""
    asked: dict[str, Any] = {"days": days, "threads": threads, "megabytes": megabytes}
    body = {name: value for name, value in asked.items() if value is not None}
    if not body:
        raise ValidationError("Say what may stay: --days, --threads or --megabytes")
    settings = Settings.read()
    remote = running_server(settings, url)
    done = _ask(remote, body) if remote else asyncio.run(_prune(_file(settings), Keep.of(**asked)))
    text = f"{done['erased']} threads erased; {done['threads']} are left, in {done['bytes'] / MEGABYTE:.1f} MB"
    CommandOutput(json=json).show(done, text)


def _ask(remote: HttpApiClient, body: dict[str, Any]) -> dict[str, Any]:
    with remote as door:
        done: dict[str, Any] = door.call("POST", "/retention/prune", body)
        return done


async def _prune(path: Path, keep: Keep) -> dict[str, Any]:
    journal = SqliteJournal(path)
    await journal.open()
    try:
        erased, left = await Retention(journal, SystemClock()).prune(keep)
    finally:
        await journal.close()
    return {"erased": erased, "threads": left.threads, "bytes": left.bytes}


def _file(settings: Settings) -> Path:
    if settings.database_path is None:
        raise ConfigurationError("memory:// has no file: set DATABASE_URL=sqlite:///FILE")
    return settings.database_path
