"""The agents that this process serves now, by name."""

from __future__ import annotations

from collections.abc import Mapping

from journeyman.agents.agent import BaseAgent
from journeyman.errors import NotFoundError, ValidationError


class Catalog:
    """Current agents. An older version of one, for a run that began with it, is the runtime's to rebuild."""

    def __init__(self, agents: Mapping[str, BaseAgent], default: str | None = None) -> None:
        self.agents = dict(agents)
        self.default = default

    def resolve(self, name: str | None) -> BaseAgent:
        """The agent of that name; without one, the default, or the only one.

        Raises NotFoundError (unknown name) and ValidationError (several agents and none named).
        """
        if name is None:
            name = self.default or (next(iter(self.agents)) if len(self.agents) == 1 else None)
        if name is None:
            raise ValidationError(f"Say which `agent` is meant: {', '.join(sorted(self.agents)) or 'there is none'}.")
        agent = self.agents.get(name)
        if agent is None:
            raise NotFoundError(f"There is no agent {name!r}. GET /agents lists them.")
        return agent

    def lists(self, tool: str, agent: str | None) -> bool:
        """Does this agent list the tool; without a name, does any?"""
        return any(each.spec.tool(tool) is not None for name, each in self.agents.items() if agent in (None, name))
