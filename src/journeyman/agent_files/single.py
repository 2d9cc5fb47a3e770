"""Builds one agent from a mapping, a file or the environment, through the same validation as `serve`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from journeyman.agent_files.agent_nodes import reference_problems
from journeyman.agent_files.agent_types import AgentClass, UnknownAgentTypeError, UnknownTypeProblem
from journeyman.agent_files.definition import LoadContext, LoadedAgent, define_agent
from journeyman.agent_files.document import Document
from journeyman.agent_files.folder import load_agents
from journeyman.errors import ConfigurationError, Problem
from journeyman.events.messages import JSON

DEFAULT_NAME = "agent"
DEFAULT_TYPE = "react_agent"

Config = Mapping[str, Any] | str | Path

_SOURCES: dict[str | int, str] = {
    "type": "AGENT_TYPE",
    "name": "AGENT_NAME",
    "prompt": "AGENT_PROMPT",
    "model": "DEFAULT_MODEL",
    "tools": "AGENT_TOOLS",
}


class AgentBuilder:
    """Makes agents of one definition. All problems come at once, in one ConfigurationError."""

    def __init__(self, config: Config | None = None, *, surroundings: LoadContext) -> None:
        """`config`: the content of an agent file as a mapping, or the path of a file (or of a folder with one agent).

        None: a ReAct agent without tools. Nothing is read or checked before `load`.
        """
        self._config: Config = {"type": DEFAULT_TYPE} if config is None else config
        self._surroundings = surroundings
        self._sources: Mapping[str | int, str] = {}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, surroundings: LoadContext) -> AgentBuilder:
        """From AGENT_TYPE, AGENT_NAME, AGENT_PROMPT, DEFAULT_MODEL and AGENT_TOOLS (a comma list). Empty is unset."""
        tools = [name.strip() for name in environment.get("AGENT_TOOLS", "").split(",") if name.strip()]
        config = {
            "type": environment.get("AGENT_TYPE") or DEFAULT_TYPE,
            "name": environment.get("AGENT_NAME") or DEFAULT_NAME,
            "prompt": environment.get("AGENT_PROMPT") or "",
            "tools": tools,
        }
        around = replace(
            surroundings,
            environment=environment,
            default_model=environment.get("DEFAULT_MODEL") or None,
            gateway_configured=surroundings.gateway_configured or bool(environment.get("LITELLM_GATEWAY_URL")),
        )
        factory = cls(config, surroundings=around)
        factory._sources = _SOURCES
        return factory

    def register_type(self, name: str, agent_class: AgentClass) -> None:
        """Let `type: name` mean `agent_class`. Raises ConfigurationError when the name is taken."""
        self._surroundings.types.register(name, agent_class)

    def load(self) -> LoadedAgent:
        """The checked definition.

        Raises ConfigurationError with all problems; UnknownAgentTypeError, also a ValueError, if the type is one.
        """
        agent, problems = self._loaded()
        if agent is None:
            raise self._error(problems)
        return agent

    async def create_agent(self) -> Any:
        """A new instance of the agent's class. Raises what `load` raises."""
        agent = self.load()
        return agent.agent_class(agent.spec)

    def _loaded(self) -> tuple[LoadedAgent | None, list[Problem]]:
        if isinstance(self._config, (str, Path)):
            loaded = load_agents(Path(self._config), self._surroundings)
            if loaded.errors or len(loaded.agents) != 1:
                several = Problem("the folder holds several agents", str(self._config), remedy="name one file")
                return None, [*(loaded.errors or (several,))]
            return loaded.agents[0], []
        data = _plain(self._config)
        document = Document(data=data, sources=self._sources)
        agent, problems = define_agent(document, self._surroundings, default_name=DEFAULT_NAME)
        problems += reference_problems([agent] if agent else [])
        return agent if not any(problem.severity == "error" for problem in problems) else None, problems

    def _error(self, problems: list[Problem]) -> ConfigurationError:
        errors = [problem for problem in problems if problem.severity == "error"]
        unknown_type = any(isinstance(problem, UnknownTypeProblem) for problem in errors)
        error = UnknownAgentTypeError if unknown_type else ConfigurationError
        return error("The agent cannot be made:", errors)


def _plain(config: Mapping[str, Any]) -> JSON:
    """The mapping as plain data of its own."""
    try:
        return json.loads(json.dumps(dict(config), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as exc:
        message = "the configuration is not plain data (mappings with text keys, lists, texts, finite numbers)"
        raise ConfigurationError("The agent cannot be made:", [Problem(f"{message}: {exc}")]) from exc
