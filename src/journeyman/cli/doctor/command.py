"""`journeyman doctor`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from journeyman import __version__
from journeyman.cli.commands.check import load_application
from journeyman.cli.doctor import disk as disks
from journeyman.cli.doctor import machine, network
from journeyman.cli.doctor.finding import CheckResult, checked_safely
from journeyman.cli.exit_codes import FAILED, OK
from journeyman.cli.output import AgentPath, CommandOutput, Json
from journeyman.errors import ConfigurationError
from journeyman.settings import Settings

_MARKS = {"fine": ("ok", "green"), "warning": ("warn", "yellow"), "broken": ("bad", "red")}


def doctor(
    path: AgentPath = None,
    outside: Annotated[
        bool,
        typer.Option(
            "--network", "--gateway", help="Ask the gateway, Redis and the key set too; nothing else uses the network."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Look at everything that a server needs and say what is wrong. Exit code 1 if something is broken."""
    output = CommandOutput(json=json)
    findings = list(examine(path, outside))
    if json:
        output.data({"findings": findings})
    else:
        for finding in findings:
            mark, colour = _MARKS[finding.state]
            output.write(f"{output.paint(f'{mark:<5}', colour)}{finding.what:<12}")
            output.line(finding.text)
    raise typer.Exit(FAILED if any(finding.state == "broken" for finding in findings) else OK)


def examine(path: Path | None, outside: bool) -> Iterator[CheckResult]:
    """Every finding; one that is broken does not keep the next from being looked at."""
    yield CheckResult("journeyman", "fine", f"{__version__} on {platform.platform()}")
    yield machine.python(sys.version_info[:3])
    yield machine.parts()
    yield checked_safely("sqlite", machine.sqlite)
    yield machine.open_files()
    yield machine.sandbox()
    try:
        settings = Settings.read()
    except ConfigurationError as exc:
        yield CheckResult("settings", "broken", exc.message)
        return
    yield CheckResult("settings", "fine", check_lines(settings))
    yield from _journal(settings.database_path)
    yield checked_safely("files", lambda: disks.private(disks.secret_files(settings)))
    yield checked_safely("address", lambda: network.address(settings))
    yield checked_safely("callers", lambda: network.callers(settings))
    yield checked_safely("tls", lambda: network.tls(settings))
    yield checked_safely("agents", lambda: agent_checks(settings, path))
    yield from _outside(settings, outside)


def _journal(path: Path | None) -> Iterator[CheckResult]:
    found = checked_safely("journal", lambda: disks.journal(path))
    yield found
    if found.state != "broken":
        yield checked_safely("disk", lambda: disks.disk(path))
    yield disks.owner(path)
    yield machine.clock(disks.journal_files(path))


def _outside(settings: Settings, ask: bool) -> Iterator[CheckResult]:
    yield network.redis(settings) if ask else network.client_of_redis(settings)
    if ask:
        yield network.gateway(settings)
        if settings.jwt_jwks_url:
            yield network.key_set(settings)


def check_lines(settings: Settings) -> str:
    """Settings that are set, secrets masked."""
    parts = []
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        parts.append(f"{name.upper()}={'***' if isinstance(value, SecretStr) else value}")
    return " ".join(parts) or "all defaults"


def agent_checks(settings: Settings, path: Path | None) -> CheckResult:
    application = load_application(settings, path, offline=False)
    names = ", ".join(application.agents.agents) or "none"
    count = len(application.problems)
    return CheckResult("agents", "warning" if count else "fine", f"{names}; {count} warnings (`journeyman check`)")
