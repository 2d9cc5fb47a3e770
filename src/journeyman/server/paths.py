"""Paths of agents and tools. Light: they are needed before anything heavy is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.errors import ConfigurationError

if TYPE_CHECKING:
    from journeyman.settings import Settings  # half of the time that `--help` takes

DEFAULT_FILE = "agent.yaml"
_DESCRIBING = ("agent_type", "agent_name", "agent_prompt", "agent_tools", "default_model")  # an agent without a file


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


def require_agent(settings: Settings, path: Path | None) -> None:
    """Check that there is an agent to serve. Raises ConfigurationError if neither a path nor the settings name one."""
    if agent_path(settings, path) is None and not settings.model_fields_set.intersection(_DESCRIBING):
        raise ConfigurationError(
            f"There is no agent here: the folder {Path.cwd()} has no {DEFAULT_FILE}. Make one with `journeyman init`, "
            "name an agent file or a folder of them, or describe an agent by AGENT_TYPE and AGENT_PROMPT."
        )
