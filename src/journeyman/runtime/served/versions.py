"""Resolves the agent that a run began with: a current one, or one rebuilt from the stored definition."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container

from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec, NewerDefinitionError
from journeyman.errors import BaseError, ConfigurationError, NodeCodeError, NotFoundError
from journeyman.events.events import Lack
from journeyman.events.fold import AgentState
from journeyman.journal.journal import Journal, StoredDefinition
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.lacks import LackingError

REBUILT_CAP = 64  # older versions kept ready


class _UnknownVersionError(ConfigurationError):
    """Raised when the journal does not have the definition of a version."""


def read_plain(data: bytes) -> AgentSpec:
    """Decode a stored definition that refers to no variables. Raises as AgentSpec.decode does."""
    return AgentSpec.decode(data, {})


def _of_no_server(tool: str) -> None:
    return None


class VersionResolver:
    """Finds or rebuilds agents by name and version.

    `build` makes an agent of a spec, `read` decodes a stored spec, and `direct` makes the agent of a lone tool call
    from the tool's name. `tools` returns the names of the tools whose code is here; None: each tool's is. `servers`
    returns whether the server of a tool is connected, or None if the tool is of no server.
    """

    def __init__(
        self,
        journal: Journal,
        catalog: AgentRegistry,
        build: Callable[[AgentSpec], BaseAgent],
        direct: Callable[[str, str | None], BaseAgent],
        read: Callable[[bytes], AgentSpec] = read_plain,
        tools: Callable[[], Container[str]] | None = None,
        servers: Callable[[str], bool | None] = _of_no_server,
    ) -> None:
        self._journal = journal
        self._catalog = catalog
        self.build = build
        self.direct = direct
        self._read = read
        self._tools = tools
        self._servers = servers
        self._rebuilt: OrderedDict[str, BaseAgent] = OrderedDict()
        self._stored: set[str] = set()

    async def of(self, state: AgentState) -> BaseAgent:
        """Return the agent that the run began with.

        Raises LackingError if the agent, the code of a node or a tool that it lists is not here, NewerDefinitionError
        if a later release wrote the definition, and ConfigurationError if the journal does not have it.
        """
        if state.direct is not None:
            self._raise_lack(state.agent or "", state.direct.tool)
            return self.direct(state.direct.tool, state.agent)
        return await self.of_version(state.agent or "", state.version or "")

    async def of_version(self, name: str, version: str) -> BaseAgent:
        """Return the agent of that name in the version that a run began with. Raises as `of`."""
        current = self._catalog.agents.get(name)
        if current is not None and current.version == version:
            return current
        agent = self._catalog.kept(name, version)
        if agent is None:
            try:
                agent = await self._rebuild(version)
            except (NewerDefinitionError, _UnknownVersionError):
                raise
            except NodeCodeError as exc:
                raise LackingError(Lack("node", exc.node)) from exc
            except BaseError as exc:
                raise LackingError(Lack("agent", name)) from exc
        for spec in agent.spec.tools:
            self._raise_lack(name, spec.name)
        return agent

    def _raise_lack(self, agent: str, tool: str) -> None:
        if (lack := self.lack_of_tool(agent, tool)) is not None:
            raise LackingError(lack)

    def lack_of_tool(self, agent: str, tool: str) -> Lack | None:
        """Return what a run of this agent lacks if the tool's code is not here.

        None: it is here, or the agent as it is served no longer lists it, so that the call fails.
        """
        if self._tools is None or tool in self._tools() or self._servers(tool):
            return None
        served = self._catalog.agents.get(agent)
        return Lack("tool", tool) if served is None or served.spec.tool(tool) is not None else None

    def is_remote(self, tool: str) -> bool:
        """Return whether a server lists this tool, which may go away and come back at any time."""
        return self._servers(tool) is not None

    def is_away(self, tool: str) -> bool:
        """Return whether the server of this tool is not connected now."""
        return self._servers(tool) is False

    def serves(self, name: str) -> bool:
        """Return whether an agent of this name is served now."""
        return name in self._catalog.agents

    def current(self, name: str) -> BaseAgent:
        """Return the agent of that name as it is served now. Raises NotFoundError."""
        return self._catalog.resolve(name)

    async def version(self, name: str, version: str) -> BaseAgent:
        """Return the agent of that name in one of its versions; `current` is the one that is served now.

        Raises NotFoundError (no such agent or version) and ConfigurationError (it cannot be built any more).
        """
        current = self._catalog.agents.get(name)
        if current is not None and version in ("current", current.version):
            return current
        if current is not None and (kept := self._catalog.kept(name, version)) is not None:
            return kept
        if version == "current" or await self._journal.definition(version) is None:
            raise NotFoundError(f"Agent {name!r} has no version {version!r} here: a run's `version` names one.")
        agent = await self._rebuild(version)
        if agent.name != name:
            raise NotFoundError(f"Version {version!r} is of agent {agent.name!r}, not of {name!r}.")
        return agent

    def to_store(self, agent: BaseAgent) -> StoredDefinition | None:
        """Return the definition to commit with a run. None: this process has stored it before."""
        if agent.version in self._stored:
            return None
        return StoredDefinition(agent.version, agent.spec.encode())

    def stored(self, version: str | None) -> None:
        """Remember that the definition of this version is in the journal."""
        if version is not None:
            self._stored.add(version)

    def renew(self) -> None:
        """Rebuild older versions over the current tools, when they are needed next."""
        self._rebuilt.clear()

    async def _rebuild(self, version: str) -> BaseAgent:
        agent = self._rebuilt.get(version)
        if agent is None:
            definition = await self._journal.definition(version)
            if definition is None:
                raise _UnknownVersionError(f"The journal has no agent definition {version!r}: the run cannot go on.")
            agent = self.build(self._read(definition.data))
            self._rebuilt[version] = agent
            while len(self._rebuilt) > REBUILT_CAP:
                self._rebuilt.popitem(last=False)
        return agent
