"""Paths of agents and tools. Light: they are needed before anything heavy is loaded."""

from __future__ import annotations

from pathlib import Path

from journeyman.settings import Settings

DEFAULT_FILE = "agent.yaml"


def agent_path(settings: Settings, path: Path | None) -> Path | None:
    """Return the path of the agents: the given one, the setting, or `agent.yaml` here. None: the environment describes
    the agent."""
    chosen = path or settings.agent_path
    if chosen is None and Path(DEFAULT_FILE).is_file():
        chosen = Path(DEFAULT_FILE)
    return chosen


def tools_path(settings: Settings, agents: Path | None) -> Path | None:
    """Return the tools folder: the setting, or `tools` beside the agents. None: there is none."""
    if settings.tools_path is not None:
        return settings.tools_path
    folder = Path() if agents is None else agents if agents.is_dir() else agents.parent
    return folder / "tools" if (folder / "tools").is_dir() else None
