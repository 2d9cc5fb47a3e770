"""`journeyman doctor`: runs all checks and prints their results."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from journeyman import __version__
from journeyman.cli.commands.check import load_application
from journeyman.cli.doctor import disk as disks
from journeyman.cli.doctor import machine, mcp, network
from journeyman.cli.doctor.finding import CheckResult, run_check
from journeyman.cli.exit_codes import FAILED, OK
from journeyman.cli.output import AgentPath, CommandOutput, Json
from journeyman.errors import ConfigurationError
from journeyman.server.paths import require_agent
from journeyman.settings import Settings

_MARKS = {"fine": ("ok", "green"), "warning": ("warn", "yellow"), "broken": ("bad", "red")}


def doctor(
    path: AgentPath = None,
    ask_network: Annotated[
        bool,
        typer.Option(
            "--network",
            "--gateway",
            help="Also ask the gateway, Redis, the key set and MCP servers. Nothing else uses the network.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Check everything that a server needs, and print what is wrong. Exit code 1: something is broken."""
    output = CommandOutput(json=json)
    results = list(check_all(path, ask_network))
    if json:
        output.data({"findings": results})
    else:
        for result in results:
            mark, colour = _MARKS[result.state]
            output.write(f"{output.paint(f'{mark:<5}', colour)}{result.what:<12}")
            output.line(result.text)
    raise typer.Exit(FAILED if any(result.state == "broken" for result in results) else OK)


def check_all(path: Path | None, ask_network: bool) -> Iterator[CheckResult]:
    """Yield the result of every check. Settings that cannot be read end the checks, since the rest depend on them."""
    yield CheckResult("journeyman", "fine", f"{__version__} on {platform.platform()}")
    yield machine.python(sys.version_info[:3])
    yield machine.libraries()
    yield run_check("sqlite", machine.sqlite)
    yield machine.open_files()
    yield machine.sandbox()
    try:
        settings = Settings.read()
    except ConfigurationError as exc:
        yield CheckResult("settings", "broken", exc.message)
        return
    yield CheckResult("settings", "fine", settings_text(settings))
    yield from _journal_checks(settings.database_path)
    yield run_check("files", lambda: disks.file_modes(disks.secret_files(settings)))
    yield run_check("address", lambda: network.address(settings))
    yield run_check("callers", lambda: network.callers(settings))
    yield run_check("tls", lambda: network.tls(settings))
    agents = run_check("agents", lambda: loadable_agents(settings, path))
    yield agents
    if agents.state != "broken":
        yield run_check("mcp", lambda: mcp.mcp_servers(settings, path, ask=ask_network))
    yield from _service_checks(settings, ask_network)


def _journal_checks(path: Path | None) -> Iterator[CheckResult]:
    journal = run_check("journal", lambda: disks.journal(path))
    yield journal
    if journal.state != "broken":
        yield run_check("disk", lambda: disks.disk(path))
    yield disks.owner(path)
    yield machine.clock(disks.journal_files(path))


def _service_checks(settings: Settings, ask_network: bool) -> Iterator[CheckResult]:
    yield network.redis(settings) if ask_network else network.redis_client(settings)
    if ask_network:
        yield network.gateway(settings)
        if settings.jwt_jwks_url:
            yield network.key_set(settings)


def settings_text(settings: Settings) -> str:
    """Return the settings that are set, as `NAME=value`, with secrets masked."""
    shown = settings.shown()
    parts = [f"{name}={shown[name]}" for name in sorted(map(str.upper, settings.model_fields_set))]
    return " ".join(parts) or "all settings have their defaults"


def loadable_agents(settings: Settings, path: Path | None) -> CheckResult:
    """Check that the agents can be loaded. Raises ConfigurationError if they cannot."""
    require_agent(settings, path)
    application = load_application(settings, path, offline=False)
    names = ", ".join(application.agents.agents) or "no agents"
    if not application.problems:
        return CheckResult("agents", "fine", names)
    text = f"{names}. `journeyman check` prints {len(application.problems)} warnings"
    return CheckResult("agents", "warning", text)
