"""Loads the agents that agent tests run, as `serve` loads them, but without a gateway and once for many tests."""

from __future__ import annotations

from pathlib import Path

from journeyman.agents.agent import BaseAgent
from journeyman.errors import ConfigurationError, NotFoundError
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.fake.replay import ReplayModel
from journeyman.server.application import Application
from journeyman.server.composition import join
from journeyman.server.loading import LoadedFiles, load
from journeyman.settings import Settings

NO_GATEWAY = "http://127.0.0.1:9"  # agents may name models only if a gateway is set; it is never called
SCRIPTED = "scripted"


class AgentsUnderTest:
    """The agents of a series of tests; leaving the context closes what was loaded.

    `default` is the agent file or folder of tests that name none.
    """

    def __init__(self, settings: Settings, default: Path | None = None) -> None:
        self._settings = settings
        self._default = default
        self._loaded: dict[tuple[Path | None, str], LoadedFiles] = {}
        self._applications: dict[tuple[Path | None, str], Application] = {}

    async def __aenter__(self) -> AgentsUnderTest:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for application in self._applications.values():
            await application.aclose()
        for loaded in self._loaded.values():
            await loaded.registry.aclose()

    def settings_of(self, model: str) -> Settings:
        """Return settings with a journal in memory and `model` as the model of agents that name none."""
        return self._settings.model_copy(
            update={"database_url": "memory://", "default_model": model, "litellm_gateway_url": NO_GATEWAY}
        )

    async def loaded(self, path: Path | None, model: str = SCRIPTED) -> LoadedFiles:
        """Load the agents at `path`, or return them if they are loaded.

        Raises:
            ConfigurationError: The agents cannot be used; it lists all problems.
        """
        key = (self._default if path is None else path, model)
        if key not in self._loaded:
            loaded = await load(self.settings_of(model), key[0], offline=False)
            errors = [problem for problem in loaded.problems if problem.severity == "error"]
            if errors:
                await loaded.registry.aclose()
                raise ConfigurationError("The agents cannot be tested:", errors)
            self._loaded[key] = loaded
        return self._loaded[key]

    async def application(self, path: Path | None, model: str = SCRIPTED) -> Application:
        """Return an application of the agents at `path` with its MCP servers started; no run is executed in it."""
        key = (self._default if path is None else path, model)
        if key not in self._applications:
            application = join(
                self.settings_of(model), await self.loaded(path, model), MemoryJournal(), ReplayModel(())
            )
            await application.mcp.start()
            self._applications[key] = application
        return self._applications[key]


def agent_of(application: Application, name: str | None) -> BaseAgent:
    """Return the agent of this name.

    Raises:
        NotFoundError: There is no such agent; the message lists the others.
    """
    agents = application.agents.agents
    agent = agents.get(name or "")
    if agent is None:
        raise NotFoundError(f"There is no agent {name!r} here. Agents: {', '.join(sorted(agents)) or 'none'}.")
    return agent
