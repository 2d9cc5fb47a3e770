"""`journeyman tools`: lists, checks and calls tools."""

from __future__ import annotations

import asyncio
import pdb
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from journeyman.cli.bare_group import list_when_bare
from journeyman.cli.client.connect import configure_quiet_logs, connect, running_server
from journeyman.cli.client.server_lists import server_items
from journeyman.cli.commands.approvals import parse_json_object
from journeyman.cli.commands.check import load_application, problem_lines
from journeyman.cli.commands.run import again_with, print_run
from journeyman.cli.exit_codes import CONFIGURATION, FAILED, OK, WAITING
from journeyman.cli.given_settings import read_settings
from journeyman.cli.output import AgentPath, All, CommandOutput, Json, Limit, Url, Wide, limit_of
from journeyman.cli.table import compact_json
from journeyman.errors import Problem, ToolError, ToolExecutionError
from journeyman.tools.spec import StoredTool

if TYPE_CHECKING:
    from journeyman.server import Application
    from journeyman.settings import Settings
    from journeyman.tools.lint.checks import LintFinding

app = typer.Typer(help="List, check and call tools.", invoke_without_command=True)


@app.command("list")
def list_tools(
    path: AgentPath = None,
    limit: Limit = 50,
    all: All = False,
    wide: Wide = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """List the tools of the running server, or without a server those of the agent files."""
    settings, most = read_settings(), limit_of(limit, all)
    output = CommandOutput(json=json, wide=wide)
    server = running_server(settings, url) if url or path is None else None
    application = None if server else load_application(settings, path, offline=True)
    items = server_items(server, "/tools", most + 1) if server else _from_files(application)
    columns = ("name", "effects", "approval", "isolation", "permissions", "description")
    output.items(items if json else [_row(item) for item in items], columns, "There are no tools.", limit=most)
    if application is not None and (servers := sorted(application.mcp.servers.configs)):
        output.note(f"Not listed: tools of the MCP servers {', '.join(servers)}, which only a running server asks.")


list_when_bare(app, list_tools, "List tools, or work on one with a command.")


def _from_files(application: Application | None) -> list[dict[str, Any]]:
    tools = application.registry.tools.values() if application is not None else ()
    return [
        {
            **msgspec.to_builtins(StoredTool.of(tool.spec)),
            "permissions": msgspec.to_builtins(tool.spec.policy.permissions),
        }
        for tool in tools
    ]


def _row(item: dict[str, Any]) -> dict[str, Any]:
    permissions = item.get("permissions") or {}
    texts = [f"{kind}: {', '.join(entries) or 'none'}" for kind, entries in permissions.items() if entries is not None]
    texts = [text for text in texts if text != "env: none"]
    description = item["description"].partition("\n")[0]
    return {**item, "permissions": "; ".join(texts) or "-", "description": description}


@app.command("check")
def check_tools(
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A folder or file of tools. [TOOLS_PATH, else tools]")
    ] = None,
    json: Json = False,
) -> None:
    """Check only a folder of tools: imports, signatures, schemas, and the findings of the static check."""
    from journeyman.tools.discovery.discovery import discover
    from journeyman.tools.lint.checks import DISCLAIMER
    from journeyman.tools.registry import ToolRegistry  # its imports are needed by this command only
    from journeyman.tools.sandbox.detection import describe_isolation, detect

    settings = read_settings()
    folder = path or settings.tools_path or Path("tools")
    find = partial(discover, environment=settings.environment_of_tools)
    registry = asyncio.run(ToolRegistry.auto_register(folder, discover=find, security=settings.tools_security))
    problems = [*registry.problems, *registry.check_problems()]
    sandbox = describe_isolation(asyncio.run(detect()))
    output = CommandOutput(json=json)
    ok = not any(problem.severity == "error" for problem in problems)
    allowed = {
        name: findings
        for name, tool in registry.tools.items()
        if (findings := [finding for finding in tool.findings if finding.allowed])
    }
    if json:
        output.data(
            {
                "ok": ok,
                "tools": list(registry.tools),
                "problems": problems,
                "allowed": allowed,
                "note": DISCLAIMER,
                "sandbox": sandbox,
            }
        )
    else:
        _print_problems(output, problems, [finding for findings in allowed.values() for finding in findings])
        output.line(f"{len(registry.tools)} tools: {', '.join(sorted(registry.tools))}")
        measures = ", ".join(name for name, available in sandbox.items() if available is True) or "none"
        output.line(f"sandbox of worker processes: {sandbox['level']} ({measures})")
        output.line(DISCLAIMER)
    raise typer.Exit(OK if ok else CONFIGURATION)


def _print_problems(output: CommandOutput, problems: Sequence[Problem], allowed: Sequence[LintFinding]) -> None:
    for problem in problems:
        for line in problem_lines(problem):
            output.line(line)
    for finding in dict.fromkeys(allowed):
        output.line(f"{finding.file}:{finding.line}: allowed: {finding.rule}: {finding.message}")


@app.command("call")
def call(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tool's name.")],
    arguments: Annotated[str, typer.Option("--json", help="The arguments of the call, a JSON object.")] = "{}",
    path: AgentPath = None,
    agent: Annotated[str | None, typer.Option(help="Call the tool under the policies of this agent.")] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Print the whole response as JSON, not only the result.")
    ] = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Call the function in this process, and record nothing.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--pdb", help="With --inline: open the debugger where the call fails.")
    ] = False,
    url: Url = None,
) -> None:
    """Call one tool and print its result. The call is recorded as a run without an agent, under the tool's policies.

    With --inline the function is called in this process. Its arguments are checked; no policy applies, and nothing is
    recorded.
    """
    values = parse_json_object(arguments, "--json")
    settings = read_settings(agent_path=path)
    output = CommandOutput(json=whole)
    if inline:
        result = _call_inline(settings, path, name, values, debug)
        output.show({"response": result}, result if isinstance(result, str) else compact_json(result))
        return
    body = {"tool_name": name, "arguments": values} | ({"agent": agent} if agent else {})
    with connect(settings, url, offline=True) as client:
        run = client.call("POST", "/execute_tool", body)
    waiting = bool(run.get("approvals"))
    print_run(output, {"status": "paused" if waiting else "finished", **run}, again_with(path, url, False))
    raise typer.Exit(WAITING if waiting else FAILED if run.get("error") else OK)


def _call_inline(settings: Settings, path: Path | None, name: str, arguments: dict[str, Any], debug: bool) -> Any:
    """Call the function and return its value. With `debug`, a failure first opens the debugger at its frame."""
    from journeyman.cli.client.inline_tool import call_inline, traceback_text

    application = load_application(settings, path, offline=True)
    configure_quiet_logs(settings)(application.secrets.values)
    try:
        return asyncio.run(call_inline(application.registry, name, arguments, application.codec))
    except ToolError as exc:
        if exc.__cause__ is not None and isinstance(exc, ToolExecutionError):
            print(application.codec.clean(traceback_text(exc.__cause__)), file=sys.stderr, end="")
        if debug:
            pdb.post_mortem((exc.__cause__ or exc).__traceback__)
        raise
