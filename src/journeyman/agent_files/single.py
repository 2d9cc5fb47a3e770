"""Loads one agent from a mapping, a file or the environment, with the same checks as `serve`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from journeyman.agent_files.agent_nodes import reference_problems
from journeyman.agent_files.agent_types import UnknownAgentTypeError, UnknownTypeProblem
from journeyman.agent_files.definition import LoadContext, LoadedAgent, define_agent
from journeyman.agent_files.document import Document
from journeyman.agent_files.folder import load_agents
from journeyman.agent_files.gateway_entries import gateway_problems
from journeyman.errors import ConfigurationError, Problem
from journeyman.events.messages import JSON
from journeyman.llm.gateway.gateway_spec import OPENAI_NAMES

DEFAULT_NAME = "agent"
DEFAULT_TYPE = "react_agent"

Config = Mapping[str, Any] | str | Path

_VARIABLES: dict[str | int, str] = {
    "type": "AGENT_TYPE",
    "name": "AGENT_NAME",
    "prompt": "AGENT_PROMPT",
    "model": "DEFAULT_MODEL",
    "tools": "AGENT_TOOLS",
}
"""The variable that stands for each key of an agent file, named in problems."""


def load_agent(config: Config | None, context: LoadContext) -> LoadedAgent:
    """Load the agent that `config` describes.

    `config` is the content of an agent file as a mapping, or the path of a file, or of a folder with one agent. None
    means a ReAct agent without tools.

    Raises ConfigurationError with all problems. If the type is one of them, it is an UnknownAgentTypeError, which is
    also a ValueError.
    """
    if isinstance(config, (str, Path)):
        return _load_path(Path(config), context)
    data = _plain({"type": DEFAULT_TYPE} if config is None else config)
    return _load_document(Document(data=data), context)


def load_environment_agent(environment: Mapping[str, str], context: LoadContext) -> LoadedAgent:
    """Load the agent that AGENT_TYPE, AGENT_NAME, AGENT_PROMPT, DEFAULT_MODEL and AGENT_TOOLS describe.

    AGENT_TOOLS is a list with commas; an empty variable counts as not set. Raises as `load_agent`.
    """
    data = {
        "type": environment.get("AGENT_TYPE") or DEFAULT_TYPE,
        "name": environment.get("AGENT_NAME") or DEFAULT_NAME,
        "prompt": environment.get("AGENT_PROMPT") or "",
        "tools": [name.strip() for name in environment.get("AGENT_TOOLS", "").split(",") if name.strip()],
    }
    context = replace(
        context,
        environment=environment,
        default_model=environment.get("DEFAULT_MODEL") or None,
        gateway_configured=context.gateway_configured or bool(environment.get("LITELLM_GATEWAY_URL")),
        openai_configured=context.openai_configured or all(map(environment.get, OPENAI_NAMES)),
    )
    return _load_document(Document(data=data, sources=_VARIABLES), context)


def _load_path(path: Path, context: LoadContext) -> LoadedAgent:
    loaded = load_agents(path, context)
    if loaded.errors or len(loaded.agents) != 1:
        several = Problem("the folder holds several agents", str(path), remedy="name one file")
        raise _error(loaded.errors or (several,))
    return loaded.agents[0]


def _load_document(document: Document, context: LoadContext) -> LoadedAgent:
    agent, problems = define_agent(document, context, default_name=DEFAULT_NAME)
    loaded = [agent] if agent else []
    problems += [*reference_problems(loaded), *gateway_problems(loaded)]
    errors = [problem for problem in problems if problem.severity == "error"]
    if agent is None or errors:
        raise _error(errors)
    return agent


def _error(errors: list[Problem] | tuple[Problem, ...]) -> ConfigurationError:
    unknown_type = any(isinstance(problem, UnknownTypeProblem) for problem in errors)
    error = UnknownAgentTypeError if unknown_type else ConfigurationError
    return error("The agent cannot be made:", errors)


def _plain(config: Mapping[str, Any]) -> JSON:
    """Return a copy of the mapping as plain data. Raises ConfigurationError if it holds anything else."""
    try:
        return json.loads(json.dumps(dict(config), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as exc:
        message = "the configuration is not plain data (mappings with text keys, lists, texts, finite numbers)"
        raise ConfigurationError("The agent cannot be made:", [Problem(f"{message}: {exc}")]) from exc
