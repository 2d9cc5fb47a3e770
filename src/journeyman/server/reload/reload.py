"""Hot reload: checks the files first; good ones are used for new runs, bad ones change nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from journeyman.clock import Clock
from journeyman.egress.services import Services
from journeyman.egress.transport import Transport
from journeyman.errors import BaseError, Problem, StateError
from journeyman.llm.gateway.gateway_spec import GatewaySpec
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.reload_report import AgentChange, ReloadReport
from journeyman.runtime.served.versions import VersionResolver
from journeyman.server.loading import LoadedFiles
from journeyman.server.mcp_servers import McpConnections
from journeyman.server.outbound import register
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.replaced import LoadedCode

log = logging.getLogger(__name__)

CLEAN_UP_SECONDS = 10.0  # of resources that replaced tools opened

Load = Callable[[ToolRegistry], Awaitable[LoadedFiles]]  # given the registry that is to be replaced
Unmet = Callable[[LoadedFiles], Awaitable[list[Problem]]]


class Reloader:
    """Does one reload at a time. A reload that is asked for during another begins after it."""

    def __init__(
        self,
        load: Load | None,
        unmet: Unmet,
        registry: ToolRegistry,
        services: Services,
        mcp: McpConnections,
        agents: AgentRegistry,
        versions: VersionResolver,
        clock: Clock,
        transport: Transport | None,
        learn: Callable[[tuple[str, ...]], None],
        forget: Callable[[], None] | None = None,
        renew_gateways: Callable[[tuple[GatewaySpec, ...]], None] | None = None,
        applied: Callable[[], None] | None = None,
    ) -> None:
        self._load = load
        self._unmet = unmet
        self._registry = registry
        self._services = services
        self._mcp = mcp
        self._agents = agents
        self._versions = versions
        self._clock = clock
        self._learn = learn
        self._forget = forget  # what was learned of models, which a reload may have changed
        self._renew_gateways = renew_gateways
        self._applied = applied  # called once new files are used
        self._lock = asyncio.Lock()
        self._transport = transport
        self.last: ReloadReport | None = None
        self._asked: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Start a reload soon; its outcome is in the log. For signal handlers."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.get_running_loop().create_task(self.reload_logged(), name="reload")

    async def aclose(self) -> None:
        """Cancel a reload that was asked for."""
        if self._asked is not None:
            self._asked.cancel()
            await asyncio.wait([self._asked])

    async def close_transport(self) -> None:
        """Close the transport of the tools that are outside services, if there is one."""
        if self._transport is not None:
            await self._transport.aclose()

    async def reload_logged(self) -> None:
        """Reload, and log the outcome, errors included. For the roots of tasks."""
        try:
            await self.reload()
        except BaseError as exc:
            log.error("the files were not reloaded: %s", exc.message)
        except Exception:
            log.exception("a reload failed inside the server: what was served before goes on")

    async def reload(self) -> ReloadReport:
        """Load the files and use them for new runs, or report what is wrong with them.

        Raises StateError if there are no files to reload.
        """
        if self._load is None:
            raise StateError("These agents were given by the program: there is nothing to reload.", code="no_files")
        async with self._lock:
            loaded = await self._load(self._registry)
            wrong = [problem for problem in loaded.problems if problem.severity == "error"]
            wrong = wrong or await self._unmet(loaded) or self._unbuildable(loaded)
            if wrong:
                await loaded.registry.discard()
                if loaded.transport is not None:
                    await loaded.transport.aclose()
                self.last = ReloadReport(self._clock.now(), applied=False, problems=tuple(wrong))
            else:
                self.last = await self._apply(loaded)
            _report(self.last)
            return self.last

    async def roll_back(self, name: str, version: str | None = None) -> AgentChange:
        """Use an earlier version of an agent for new runs: `version`, or the one before the current one.

        Raises NotFoundError (agent or version), StateError (`no_earlier_version`), ConfigurationError.
        """
        before = self._agents.resolve(name).version
        wanted = version or self._agents.before(name)
        if wanted != before:
            self._agents.roll_back(await self._versions.version(name, wanted))
            log.warning("agent %s: rolled back to version %s (was %s)", name, wanted, before)
        return AgentChange(name, wanted, before)

    async def _apply(self, loaded: LoadedFiles) -> ReloadReport:
        """Replace everything between two steps of the event loop, so that no run sees a part of it."""
        self._learn(loaded.secrets)
        if loaded.transport is not None and self._transport is not None:
            await loaded.transport.aclose()
        self._transport = self._transport or loaded.transport
        held = self._services.renew(loaded.services)
        if self._renew_gateways is not None:
            self._renew_gateways(loaded.gateways)
        register(loaded.registry, loaded.openapi, self._transport, self._services, self._clock)
        self._mcp.mount(replace(loaded, registry=self._registry))
        dropped = self._registry.replace_with(loaded.registry, self._mcp.servers.names)
        self._versions.renew()
        if self._forget is not None:
            self._forget()
        changes = self._agents.replace_all(self._mcp.remake(loaded.agents), self._clock.now())
        if self._applied is not None:
            self._applied()
        for code in dropped:
            await _closed(code)
        warnings = [problem for problem in loaded.problems if problem.severity != "error"]
        warnings += [_needs_restart(match) for match in held]
        return ReloadReport(self._clock.now(), applied=True, changes=changes, problems=tuple(warnings))

    def _unbuildable(self, loaded: LoadedFiles) -> list[Problem]:
        """Return a problem for each agent whose class cannot be instantiated. The class may be a user's."""
        problems = []
        for agent in loaded.agents:
            file = str(agent.file) if agent.file else None
            try:
                loaded.build(agent.spec)
            except BaseError as exc:
                problems.append(Problem(exc.message, file, remedy="correct the agent's definition"))
            except Exception as exc:  # noqa: BLE001 - the class of an agent type is the user's code
                text = f"{type(exc).__name__}: {exc}"[:500]
                problems.append(Problem(f"the agent's class cannot be made: {text}", file, remedy="correct the class"))
        return problems


async def _closed(code: LoadedCode) -> None:
    """Close the resources of replaced code, within a time limit; a failure is logged."""
    try:
        async with asyncio.timeout(CLEAN_UP_SECONDS):
            await code.aclose()
    except Exception:
        log.exception("the resources of replaced tools could not be closed")


def _needs_restart(match: str) -> Problem:
    message = f"the entry of `services` for {match} changed: the gateway keeps its guard until a restart"
    return Problem(message, remedy="restart the server", severity="warning")


def _report(reloaded: ReloadReport) -> None:
    for problem in reloaded.problems:
        log.log(logging.ERROR if problem.severity == "error" else logging.WARNING, "%s", problem)
    if not reloaded.applied:
        log.error("the files cannot be served: what was served before this change goes on")
    elif not reloaded.changes:
        log.info("the files were checked: no agent changed")
    for agent, version, before in reloaded.changes:
        log.info("agent %s: version %s (was %s)", agent, version or "none", before or "none")
