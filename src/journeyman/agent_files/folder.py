"""Loads agent files from disk: one file, or all agents of a folder."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from journeyman.agent_files.agent_nodes import reference_problems
from journeyman.agent_files.definition import LoadContext, LoadedAgent, LoadedAgents, define_agent
from journeyman.agent_files.document import Document
from journeyman.agent_files.gateway_entries import gateway_problems
from journeyman.agent_files.safety import file_permissions
from journeyman.agent_files.yaml_reader import MAX_BYTES, read_document
from journeyman.errors import Problem

MAX_FILES = 500  # YAML files of a folder

_OPENAPI = re.compile(
    rb"^[ \t{\xef\xbb\xbf]*[\"']?openapi[\"']?[ \t]*:[ \t]*[\"']?3\.", re.MULTILINE
)  # an OpenAPI document
_TYPE_KEY = re.compile(rb"^[ \t{\xef\xbb\xbf\xfe\xff]*[\"']?type[\"']?[ \t]*:", re.MULTILINE)


def load_agents(path: Path, context: LoadContext) -> LoadedAgents:
    """Load the agents of a file, or of a folder: of every *.yaml and *.yml with a top-level `type`.

    Problems are returned, not raised.
    """
    problems: list[Problem] = []
    try:
        files = _candidates(path) if path.is_dir() else [path]
    except OSError as exc:
        return LoadedAgents(agents=(), problems=(_unreadable(path, exc),))
    if len(files) > MAX_FILES:
        message = f"the folder holds more than {MAX_FILES} YAML files"
        return LoadedAgents(agents=(), problems=(Problem(message, str(path), remedy="give a folder of agents"),))
    agents: list[LoadedAgent] = []
    candidates = 0
    for file in files:
        found = _load_file(file, context, must_be_agent=file == path)
        if found is not None:
            agent, file_problems = found
            candidates += 1
            problems += file_problems
            agents += [agent] if agent is not None else []
    if not candidates:
        remedy = "write one that begins with `type: react_agent`"
        problems.append(Problem("there is no agent file in the folder", str(path), remedy=remedy))
    complete = len(agents) == candidates
    references = [*reference_problems(agents, complete=complete), *gateway_problems(agents, complete=complete)]
    problems += [*_duplicates(agents), *_mcp_conflicts(agents), *references]
    return LoadedAgents(agents=tuple(agents), problems=tuple(problems))


def _candidates(folder: Path) -> list[Path]:
    return sorted(
        file for file in folder.iterdir() if file.suffix in (".yaml", ".yml") and not file.name.startswith(".")
    )


def _load_file(
    file: Path, context: LoadContext, *, must_be_agent: bool
) -> tuple[LoadedAgent | None, list[Problem]] | None:
    """Load the agent of one file, and its problems. None: a file of the folder that is not an agent file."""
    try:
        content = _content(file, file.parent if not must_be_agent else None)
        unsafe = file_permissions(file)
    except (OSError, ValueError) as exc:
        return None, [_unreadable(file, exc)]
    document, problems = read_document(content, str(file))
    if not must_be_agent and not _is_agent(document, content):
        return None
    if document is None:
        return None, [*unsafe, *problems]
    agent, found = define_agent(document, context, default_name=file.stem, file=file)
    found = [*unsafe, *problems, *found]
    failed = any(problem.severity == "error" for problem in found)
    return None if failed else agent, found


def _content(file: Path, root: Path | None) -> bytes:
    """Read the file, up to one byte more than is allowed. Only regular files are opened: a pipe would never end."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError("it is not a regular file")
    if root is not None and not file.resolve().is_relative_to(root.resolve()):
        raise ValueError("the link leads out of the folder")
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _is_agent(document: Document | None, content: bytes) -> bool:
    """Return whether there is a top-level `type`, or in a file that is not valid YAML a line that looks like one."""
    if document is not None:
        return isinstance(document.data, dict) and "type" in document.data
    return not _OPENAPI.search(content) and bool(_TYPE_KEY.search(content.replace(b"\0", b"")))


def _unreadable(path: Path, error: Exception) -> Problem:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Problem(f"the file cannot be read: {reason}", str(path), remedy="check the path and its permissions")


def _duplicates(agents: list[LoadedAgent]) -> list[Problem]:
    first: dict[str, LoadedAgent] = {}
    problems = []
    for agent in agents:
        earlier = first.setdefault(agent.spec.name, agent)
        if earlier is not agent:
            message = f"the agent {agent.spec.name} is defined already, in {earlier.file}"
            problems.append(Problem(message, str(agent.file), 1, 1, "give one of the two another `name`"))
    return problems


def _mcp_conflicts(agents: list[LoadedAgent]) -> list[Problem]:
    """Return a problem for each MCP server that two agents define differently, since agents share them by name."""
    first: dict[str, LoadedAgent] = {}
    problems = []
    for agent in agents:
        for server in agent.mcp_servers:
            other = first.setdefault(server.config.name, agent)
            if server.config not in [each.config for each in other.mcp_servers]:
                message = f"the MCP server {server.config.name} is defined differently in {other.file}"
                problems.append(Problem(message, str(agent.file), remedy="define both alike, or rename one"))
    return problems
