"""The agents that this process serves now, by name, and the versions that they had in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from journeyman.agents.agent import BaseAgent
from journeyman.errors import NotFoundError, StateError, ValidationError

KEPT_VERSIONS = 8  # of each agent
_KEPT_REMOVED = 64  # agents that are served no more


class Version(NamedTuple):
    """What an agent is, or was. `since`: when this process had it first, in microseconds since the epoch.

    `edit` counts what its file said anew: versions of one edit differ by the tools that MCP servers showed.
    """

    agent: BaseAgent
    since: int
    edit: int = 0


class AgentRegistry:
    """Current agents, and their last versions. One older than these is the runtime's to rebuild.

    New runs begin with the current version; those under way keep the agent that they began with.
    """

    def __init__(self, agents: Mapping[str, BaseAgent], default: str | None = None, at: int = 0) -> None:
        self.agents = dict(agents)
        self.default = default
        self._versions = {name: [Version(agent, at)] for name, agent in agents.items()}  # the newest first
        self._rolled_back: set[str] = set()

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

    def versions(self, name: str) -> tuple[Version, ...]:
        """The newest first; the current one is among them."""
        return tuple(self._versions.get(name, ()))

    def kept(self, name: str, version: str) -> BaseAgent | None:
        """The agent in one of its last versions, those of agents included that are served no more."""
        return next((each.agent for each in self._versions.get(name, ()) if each.agent.version == version), None)

    def put(self, agent: BaseAgent, at: int, *, by_file: bool = True) -> str | None:
        """Serve this agent for new runs. The version that it replaces, "" for none; None: its version is not new.

        An agent that was rolled back stays so until its file says something new (`by_file`).
        """
        versions = self._versions.setdefault(agent.name, [])
        if versions and versions[0].agent.version == agent.version:
            replaced, versions[0] = versions[0].agent, versions[0]._replace(agent=agent)  # over parts made anew
            if (current := self.agents.get(agent.name)) in (replaced, None):
                self.agents[agent.name] = agent
            return None if current else ""
        before = self.agents.get(agent.name)
        edit = versions[0].edit + by_file if versions else 0
        versions[:] = [each for each in versions if each.agent.version != agent.version]
        versions.insert(0, Version(agent, at, edit))
        del versions[KEPT_VERSIONS:]
        if by_file or agent.name not in self._rolled_back:
            self.agents[agent.name] = agent
            self._rolled_back.discard(agent.name)
        return before.version if before else ""

    def remove(self, name: str) -> None:
        """Serve this agent no more; its last versions stay for the runs that began with them."""
        self.agents.pop(name, None)
        self._rolled_back.discard(name)
        gone = [name for name in self._versions if name not in self.agents]
        for old in gone[:-_KEPT_REMOVED]:
            del self._versions[old]

    def before(self, name: str) -> str:
        """The version that this process had before the agent's file said what it says in the current one.

        Raises NotFoundError (unknown name) and StateError (`no_earlier_version`).
        """
        current = self.resolve(name).version
        known = self._versions[name]
        edit = next((each.edit for each in known if each.agent.version == current), known[0].edit + 1)
        earlier = [each.agent.version for each in known if each.edit < edit]
        if not earlier:
            message = f"Agent {name!r} has had no version before this one here: say which `version` is meant."
            raise StateError(message, code="no_earlier_version")
        return earlier[0]

    def roll_back(self, agent: BaseAgent) -> None:
        """Serve this earlier version for new runs."""
        self.agents[agent.name] = agent
        self._rolled_back.add(agent.name)

    def is_rolled_back(self, name: str) -> bool:
        return name in self._rolled_back

    def lists(self, tool: str, agent: str | None) -> bool:
        """Does this agent list the tool; without a name, does any?"""
        return any(each.spec.tool(tool) is not None for name, each in self.agents.items() if agent in (None, name))
