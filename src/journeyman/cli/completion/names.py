"""Names and ids that a completion script asks for. Quick: a person waits for them, so nothing heavy is imported."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from journeyman.cli.client.connect import running_server
from journeyman.cli.client.queries import Queries, ServerQueries, queries
from journeyman.cli.client.server_lists import server_items
from journeyman.cli.exit_codes import OK
from journeyman.errors import BaseError
from journeyman.settings import Settings

MOST = 50  # names of one kind
_PLAIN = re.compile(r"[A-Za-z0-9._~:@+=/-]+")  # bash would run what another name contains
_NAME = re.compile(r"^name:\s*[\"']?([\w.:/-]+)", re.MULTILINE)
_TYPE = re.compile(r"^type:", re.MULTILINE)


def print_names(kind: str) -> int:
    """Print the names of a kind, one a line, and return the exit code. What cannot be read has no names."""
    try:
        for name in _KINDS[kind](Settings.read()) if kind in _KINDS else ():
            if _PLAIN.fullmatch(name):
                print(name)
    except BaseError:
        return OK
    return OK


def _source(settings: Settings) -> Queries:
    server = running_server(settings, None) if settings.database_path is None else None
    return ServerQueries(server) if server else queries(settings, None)


def _agents(settings: Settings) -> Iterator[str]:
    server = running_server(settings, None)
    if server is not None:
        yield from (str(item["name"]) for item in server_items(server, "/agents", MOST))
        return
    path = settings.agent_path or Path("agent.yaml")
    for file in sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]:
        if file.is_file() and _TYPE.search(text := file.read_text(encoding="utf-8", errors="replace")):
            name = _NAME.search(text)
            yield name[1] if name else file.stem


def _runs(settings: Settings) -> Iterator[str]:
    source = _source(settings)
    yield from ("last", *(item["run_id"] for item in source.runs(source.own, MOST)))


def _threads(settings: Settings) -> Iterator[str]:
    yield from ("last", *(item["thread_id"] for item in _source(settings).threads(MOST)))


def _approvals(settings: Settings) -> Iterator[str]:
    yield from (item["approval"] for item in _source(settings).approvals(MOST))


_KINDS: dict[str, Callable[[Settings], Iterator[str]]] = {
    "agents": _agents,
    "runs": _runs,
    "threads": _threads,
    "approvals": _approvals,
}
