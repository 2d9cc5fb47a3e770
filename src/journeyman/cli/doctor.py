"""`journeyman doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec
import typer
from pydantic import SecretStr

from journeyman import __version__
from journeyman.cli.check import checked
from journeyman.cli.exits import FAILED, OK
from journeyman.cli.options import AgentPath, Json
from journeyman.cli.output import Output
from journeyman.cli.whereabouts import owner_url
from journeyman.errors import BaseError, ConfigurationError
from journeyman.settings import Settings

LEAST_FREE = 256 << 20  # bytes on the journal's disk
GATEWAY_SECONDS = 5.0


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. `fine`, `warning` (works, but), `broken` (the server would not start or work)."""

    what: str
    state: Literal["fine", "warning", "broken"]
    text: str


def doctor(
    path: AgentPath = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="Ask the gateway too; nothing else uses the network.")
    ] = False,
    json: Json = False,
) -> None:
    """Look at everything that a server needs and say what is wrong. Exit code 1 if something is broken."""
    output = Output(json=json)
    findings = list(examine(path, gateway))
    if json:
        output.data({"findings": findings})
    else:
        marks = {"fine": ("ok", "green"), "warning": ("warn", "yellow"), "broken": ("bad", "red")}
        for finding in findings:
            mark, colour = marks[finding.state]
            output.write(f"{output.paint(f'{mark:<5}', colour)}{finding.what:<12}")
            output.line(finding.text)
    raise typer.Exit(FAILED if any(finding.state == "broken" for finding in findings) else OK)


def examine(path: Path | None, gateway: bool) -> Iterator[Finding]:
    """Every finding; one that is broken does not keep the next from being looked at."""
    yield Finding("journeyman", "fine", f"{__version__} on {platform.platform()}")
    yield python(sys.version_info[:3])
    yield _guarded("sqlite", sqlite)
    try:
        settings = Settings.read()
    except ConfigurationError as exc:
        yield Finding("settings", "broken", exc.message)
        return
    yield Finding("settings", "fine", shown(settings))
    yield journal(settings.database_path)
    yield owner(settings.database_path)
    yield _guarded("agents", lambda: agents(settings, path))
    if gateway:
        yield reach(settings)


def _guarded(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except (BaseError, ImportError) as exc:
        return Finding(what, "broken", str(exc))


def python(version: tuple[int, ...]) -> Finding:
    text = ".".join(map(str, version))
    return Finding("python", "fine" if version >= (3, 11) else "broken", f"{text} (3.11 or newer is needed)")


def sqlite() -> Finding:
    import apsw  # a driver: its absence is a finding

    from journeyman.journal.database import refuse_unsafe_sqlite

    version = apsw.sqlite_lib_version()
    refuse_unsafe_sqlite(version)
    return Finding("sqlite", "fine", version)


def shown(settings: Settings) -> str:
    """Settings that are set, secrets masked."""
    parts = []
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        parts.append(f"{name.upper()}={'***' if isinstance(value, SecretStr) else value}")
    return " ".join(parts) or "all defaults"


def journal(path: Path | None) -> Finding:
    """Can the file be written, and is there room?"""
    if path is None:
        return Finding("journal", "warning", "memory://: everything is forgotten when the server ends")
    folder = path.parent
    if not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        return Finding("journal", "broken", f"{path} cannot be written: make the folder, or correct DATABASE_URL")
    free = shutil.disk_usage(folder).free
    state: Literal["fine", "warning"] = "fine" if free >= LEAST_FREE else "warning"
    size = f"{path.stat().st_size / 1e6:.1f} MB" if path.exists() else "not there yet"
    return Finding("journal", state, f"{path.resolve()} ({size}; {free / 1e9:.1f} GB free)")


def owner(path: Path | None) -> Finding:
    url = owner_url(path)
    return Finding("server", "fine", f"answers at {url}" if url else "none is up on this journal")


def agents(settings: Settings, path: Path | None) -> Finding:
    application = checked(settings, path, offline=False)
    names = ", ".join(application.catalog.agents) or "none"
    count = len(application.problems)
    return Finding("agents", "warning" if count else "fine", f"{names}; {count} warnings (`journeyman check`)")


def reach(settings: Settings) -> Finding:
    """One request for the gateway's models, with its key."""
    if settings.litellm_gateway_url is None:
        return Finding("gateway", "warning", "LITELLM_GATEWAY_URL is unset: the offline model answers")
    key = settings.litellm_gateway_api_key
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    url = f"{settings.litellm_gateway_url}/models"
    try:
        with urlopen(Request(url, headers=headers), timeout=GATEWAY_SECONDS) as answer:
            return Finding("gateway", "fine", f"{url} answers {answer.status}")
    except HTTPError as exc:
        advice = ": correct LITELLM_GATEWAY_API_KEY" if exc.code in (401, 403) else ""
        return Finding(
            "gateway", "broken" if exc.code in (401, 403) else "warning", f"{url} answers {exc.code}{advice}"
        )
    except (URLError, OSError) as exc:
        return Finding("gateway", "broken", f"{url} does not answer ({exc}): correct LITELLM_GATEWAY_URL or start it")
