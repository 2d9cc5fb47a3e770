"""The agents that this process serves, by name, and the last versions of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from journeyman.agents.agent import BaseAgent
from journeyman.errors import NotFoundError, StateError, ValidationError
from journeyman.runtime.served.reload_report import AgentChange

KEPT_VERSIONS = 8  # of each agent
_KEPT_REMOVED = 64  # agents that are no longer served


class Version(NamedTuple):
    """A version of an agent. `since`: when this process first had it, in microseconds since the epoch.

    `edit` counts the changes of the agent's file: versions with the same `edit` differ only in the tools that MCP
    servers listed.
    """

    agent: BaseAgent
    since: int
    edit: int = 0


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What the registry holds at one moment. Changes make a new snapshot."""

    current: Mapping[str, BaseAgent] = field(default_factory=dict)
    versions: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)  # the newest first
    rolled_back: frozenset[str] = frozenset()

    def kept(self, name: str) -> tuple[Version, ...]:
        return self.versions.get(name, ())

    def put(self, agent: BaseAgent, at: int, by_file: bool) -> tuple[_Snapshot, AgentChange | None]:
        """Return the snapshot with this agent, and what changed for new runs; None where its version is not new."""
        versions = self.kept(agent.name)
        if versions and versions[0].agent.version == agent.version:
            return self._rebuilt(agent)
        edit = versions[0].edit + by_file if versions else 0
        earlier = [each for each in versions if each.agent.version != agent.version]
        kept = (Version(agent, at, edit), *earlier)[:KEPT_VERSIONS]
        before = self.current.get(agent.name)
        snapshot = replace(self, versions={**self.versions, agent.name: kept})
        if by_file or agent.name not in self.rolled_back:
            snapshot = snapshot._serving(agent, self.rolled_back - {agent.name})
        return snapshot, AgentChange(agent.name, agent.version, before.version if before else None)

    def _rebuilt(self, agent: BaseAgent) -> tuple[_Snapshot, AgentChange | None]:
        """Put an agent whose version is the newest one already: the same definition over new parts."""
        newest, *earlier = self.kept(agent.name)
        versions = {**self.versions, agent.name: (newest._replace(agent=agent), *earlier)}
        snapshot, current = replace(self, versions=versions), self.current.get(agent.name)
        if current in (newest.agent, None):
            snapshot = snapshot._serving(agent, self.rolled_back)
        return snapshot, None if current else AgentChange(agent.name, agent.version, None)

    def _serving(self, agent: BaseAgent, rolled_back: frozenset[str]) -> _Snapshot:
        return replace(self, current={**self.current, agent.name: agent}, rolled_back=rolled_back)

    def removed(self, name: str) -> _Snapshot:
        """Return the snapshot that no longer serves this agent. Its last versions are kept."""
        current = {other: agent for other, agent in self.current.items() if other != name}
        gone = [other for other in self.versions if other not in current]
        forgotten = set(gone[:-_KEPT_REMOVED])
        versions = {other: kept for other, kept in self.versions.items() if other not in forgotten}
        return _Snapshot(current, versions, self.rolled_back - {name})

    def roll_back(self, agent: BaseAgent) -> _Snapshot:
        return self._serving(agent, self.rolled_back | {agent.name})


class AgentRegistry:
    """The current agents and their last versions. Older versions are rebuilt by the `VersionResolver`.

    New runs begin with the current version; runs in progress keep the agent that they began with. Every change swaps
    one frozen snapshot, so that a reader never sees a part of a reload.
    """

    def __init__(self, agents: Mapping[str, BaseAgent], default: str | None = None, at: int = 0) -> None:
        """`default` names the agent of requests that name none; `at` is in microseconds since the epoch."""
        self.default = default
        self._snapshot = _Snapshot()
        for agent in agents.values():
            self.put(agent, at)

    @property
    def agents(self) -> Mapping[str, BaseAgent]:
        """The agents for new runs, by name. A later change does not change this mapping."""
        return self._snapshot.current

    def resolve(self, name: str | None) -> BaseAgent:
        """Return the agent of that name; without a name, the default agent, or the only one.

        Raises NotFoundError (unknown name) and ValidationError (several agents, none named and no default).
        """
        agents = self.agents
        if name is None:
            name = self.default or (next(iter(agents)) if len(agents) == 1 else None)
        if name is None:
            raise ValidationError(f"Say which `agent` is meant: {', '.join(sorted(agents)) or 'there is none'}.")
        agent = agents.get(name)
        if agent is None:
            raise NotFoundError(f"There is no agent {name!r}. GET /agents lists them.")
        return agent

    def versions(self, name: str) -> tuple[Version, ...]:
        """Return the versions of an agent that are kept, the newest first, the current one among them."""
        return self._snapshot.kept(name)

    def kept(self, name: str, version: str) -> BaseAgent | None:
        """Return the agent in one of its last versions, also if it is no longer served. None if it is not kept."""
        return next((each.agent for each in self._snapshot.kept(name) if each.agent.version == version), None)

    def put(self, agent: BaseAgent, at: int, *, by_file: bool = True) -> AgentChange | None:
        """Use this agent for new runs and return what changed. None: its version is not new.

        An agent that was rolled back stays so until its file changes (`by_file`).
        """
        self._snapshot, change = self._snapshot.put(agent, at, by_file)
        return change

    def replace_all(self, agents: Iterable[BaseAgent], at: int) -> tuple[AgentChange, ...]:
        """Use exactly these agents for new runs, in one step, and return what changed."""
        snapshot, changes, named = self._snapshot, [], set()
        for agent in agents:
            named.add(agent.name)
            snapshot, change = snapshot.put(agent, at, by_file=True)
            changes += [change] if change else []
        for name in snapshot.current.keys() - named:
            changes.append(AgentChange(name, None, snapshot.current[name].version))
            snapshot = snapshot.removed(name)
        self._snapshot = snapshot
        return tuple(changes)

    def remove(self, name: str) -> None:
        """Stop using this agent for new runs. Its last versions stay for the runs that began with them."""
        self._snapshot = self._snapshot.removed(name)

    def before(self, name: str) -> str:
        """Return the version that the agent had in this process before the last change of its file.

        Raises NotFoundError (unknown name) and StateError (`no_earlier_version`).
        """
        current = self.resolve(name).version
        known = self._snapshot.kept(name)
        edit = next((each.edit for each in known if each.agent.version == current), known[0].edit + 1)
        earlier = [each.agent.version for each in known if each.edit < edit]
        if not earlier:
            message = (
                f"Agent {name!r} has no earlier version in this server process. Pass `version` to choose one; "
                f"`GET /agents/{name}` lists them."
            )
            raise StateError(message, code="no_earlier_version")
        return earlier[0]

    def roll_back(self, agent: BaseAgent) -> None:
        """Use this earlier version for new runs."""
        self._snapshot = self._snapshot.roll_back(agent)

    def is_rolled_back(self, name: str) -> bool:
        """Tell whether the agent was rolled back and its file has not changed since."""
        return name in self._snapshot.rolled_back

    def lists(self, tool: str, agent: str | None) -> bool:
        """Tell whether this agent lists the tool; without a name, whether any agent does."""
        return any(each.spec.tool(tool) is not None for name, each in self.agents.items() if agent in (None, name))
