"""Files of the server that a tool could open although it declares which files it needs: the start is refused then."""

from __future__ import annotations

from pathlib import Path

from journeyman.errors import Problem
from journeyman.server.loading import LoadedFiles
from journeyman.settings import Settings
from journeyman.tools.sandbox.detection import exposed
from journeyman.user_code.local_modules import modules_beside


def own_files(settings: Settings) -> tuple[Path, ...]:
    """Return the journal, `.env` and the files with keys. Those that do not exist are among them."""
    journal = () if settings.database_path is None else (settings.database_path,)
    return (*journal, *settings.secret_paths)


def exposed_files(loaded: LoadedFiles, own: tuple[Path, ...]) -> list[Problem]:
    """Return as problems which tools with declared `files` may open which of these files."""
    found: dict[str, Problem] = {}
    tools = loaded.registry.tools
    of_agents = (spec for agent in loaded.agents for spec in agent.spec.tools)
    for spec in (*of_agents, *(tool.spec for tool in tools.values())):  # a tool of no agent can be called too
        tool = tools.get(spec.name)
        if tool is not None and tool.target is not None:
            root = tool.target.root
            problems = exposed(spec, root, modules_beside(tool.files, root), own)
            found |= {problem.message: problem for problem in problems}
    return list(found.values())
