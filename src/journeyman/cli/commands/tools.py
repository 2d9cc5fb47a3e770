"""`journeyman tools`."""

from __future__ import annotations

import asyncio
import pdb
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from journeyman.cli.client.connect import connect, log_quietly, running_server
from journeyman.cli.commands.approvals import json_object
from journeyman.cli.commands.check import check_path, lines
from journeyman.cli.commands.run import report
from journeyman.cli.exit_codes import CONFIGURATION, FAILED, OK, WAITING
from journeyman.cli.output import AgentPath, CommandOutput, Json, Url
from journeyman.errors import Problem, ToolError
from journeyman.settings import Settings
from journeyman.tools.spec import StoredTool

if TYPE_CHECKING:
    from journeyman.tools.lint.checks import LintFinding

app = typer.Typer(help="What agents can do.", no_args_is_help=True)


@app.command("list")
def list_tools(path: AgentPath = None, url: Url = None, json: Json = False) -> None:
    """List tools: of the server that is up, else of the files."""
    settings = Settings.read()
    remote = running_server(settings, url) if url or path is None else None
    items = remote.call("GET", "/tools")["items"] if remote else _of_files(settings, path)
    columns = ("name", "effects", "approval", "isolation", "permissions", "description")
    rows = items if json else [_row(item) for item in items]
    CommandOutput(json=json).items(rows, columns, "No tools.")


def _of_files(settings: Settings, path: Path | None) -> list[dict[str, Any]]:
    tools = check_path(settings, path, offline=True).registry.tools.values()
    return [
        {
            **msgspec.to_builtins(StoredTool.of(tool.spec)),
            "permissions": msgspec.to_builtins(tool.spec.policy.permissions),
        }
        for tool in tools
    ]


def _row(item: dict[str, Any]) -> dict[str, Any]:
    allowed = item.get("permissions") or {}
    said = [f"{kind}: {', '.join(entries) or 'none'}" for kind, entries in allowed.items() if entries is not None]
    said = [text for text in said if text != "env: none"]
    description = item["description"].partition("\n")[0]
    return {**item, "permissions": "; ".join(said) or "-", "description": description}


@app.command("check")
def check_tools(
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="Tools folder or file. [TOOLS_PATH]")] = None,
    json: Json = False,
) -> None:
    """Check a tools folder by itself: imports, signatures, schemas, and what the static check finds."""
    from journeyman.tools.lint.checks import DISCLAIMER  # as above
    from journeyman.tools.registry import ToolRegistry  # the tools' imports: only for this command
    from journeyman.tools.sandbox.detection import describe_isolation, detect

    settings = Settings.read()
    folder = path or settings.tools_path or Path("tools")
    registry = asyncio.run(ToolRegistry.auto_register(folder, security=settings.tools_security))
    problems = [*registry.problems, *registry.check_problems()]
    sandbox = describe_isolation(asyncio.run(detect()))
    output = CommandOutput(json=json)
    bad = any(problem.severity == "error" for problem in problems)
    allowed = {name: [each for each in tool.findings if each.allowed] for name, tool in registry.tools.items()}
    if json:
        shown = {name: found for name, found in allowed.items() if found}
        output.data(
            {
                "ok": not bad,
                "tools": list(registry.tools),
                "problems": problems,
                "allowed": shown,
                "note": DISCLAIMER,
                "sandbox": sandbox,
            }
        )
    else:
        _show_problems(output, problems, [each for found in allowed.values() for each in found])
        output.line(f"{len(registry.tools)} tools: {', '.join(sorted(registry.tools))}")
        means = ", ".join(name for name, there in sandbox.items() if there is True) or "none"
        output.line(f"sandbox of worker processes: {sandbox['level']} ({means})")
        output.line(DISCLAIMER)
    raise typer.Exit(CONFIGURATION if bad else OK)


def _show_problems(output: CommandOutput, problems: Sequence[Problem], allowed: Sequence[LintFinding]) -> None:
    for problem in problems:
        for line in lines(problem):
            output.line(line)
    for each in dict.fromkeys(allowed):
        output.line(f"{each.file}:{each.line}: allowed: {each.rule}: {each.message}")


@app.command("call")
def call(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    arguments: Annotated[str, typer.Option("--json", help="The arguments, a JSON object.")] = "{}",
    path: AgentPath = None,
    agent: Annotated[str | None, typer.Option(help="Under this agent's policies.")] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Print the whole answer as JSON, not the result alone.")
    ] = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Call the function in this process; nothing is recorded.")
    ] = False,
    debug: Annotated[bool, typer.Option("--pdb", help="With --inline: open the debugger where it fails.")] = False,
    url: Url = None,
) -> None:
    """Call one tool and print its result. It is recorded as a run without an agent, under the tool's policies.

    --inline goes round all of that: the function is called here, with its arguments checked and nothing else.
    """
    given = json_object(arguments, "--json")
    settings = Settings.read(agent_path=path)
    output = CommandOutput(json=whole)
    if inline:
        output.show({"response": (result := _inline(settings, path, name, given, debug))}, _text(result))
        return
    body = {"tool_name": name, "arguments": given} | ({"agent": agent} if agent else {})
    with connect(settings, url, offline=True) as way:
        answer = way.call("POST", "/execute_tool", body)
    waiting = bool(answer.get("approvals"))
    report(output, {"status": "paused" if waiting else "finished", **answer})
    raise typer.Exit(WAITING if waiting else FAILED if answer.get("error") else OK)


def _inline(settings: Settings, path: Path | None, name: str, given: dict[str, Any], debug: bool) -> Any:
    """The function's return value. With `debug` a failure opens the debugger at its frame before it is raised."""
    from journeyman.cli.client.inline_tool import call_inline

    application = check_path(settings, path, offline=True)
    log_quietly(settings)(application.secrets.values)
    try:
        return asyncio.run(call_inline(application.registry, name, given, application.codec))
    except ToolError as exc:
        if debug:
            pdb.post_mortem((exc.__cause__ or exc).__traceback__)
        raise


def _text(result: object) -> str:
    return result if isinstance(result, str) else msgspec.json.encode(result, enc_hook=repr).decode()
