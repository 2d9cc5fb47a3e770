"""The agents that tests are about: loaded as `serve` loads them, once for many tests, and given no gateway."""

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

NO_GATEWAY = "http://127.0.0.1:9"  # that models may be named: none is asked
SCRIPTED = "scripted"


class AgentsUnderTest:
    """`default`: where the agents are of tests that do not say. `async with` closes what was loaded."""

    def __init__(self, settings: Settings, default: Path | None = None) -> None:
        self._settings = settings
        self._default = default
        self._loaded: dict[tuple[Path | None, str], LoadedFiles] = {}
        self._applications: dict[tuple[Path | None, str], Application] = {}

    async def __aenter__(self) -> AgentsUnderTest:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for application in self._applications.values():
            await application.__aexit__()
        for loaded in self._loaded.values():
            await loaded.registry.aclose()

    def settings_of(self, model: str) -> Settings:
        """In memory; agents that name no model use `model`, as they did where DEFAULT_MODEL said so."""
        return self._settings.model_copy(
            update={"database_url": "memory://", "default_model": model, "litellm_gateway_url": NO_GATEWAY}
        )

    async def loaded(self, path: Path | None, model: str = SCRIPTED) -> LoadedFiles:
        """Raises ConfigurationError with all problems."""
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
        """Their parts, with the servers of their tools started; nothing runs in it."""
        key = (self._default if path is None else path, model)
        if key not in self._applications:
            application = join(
                self.settings_of(model), await self.loaded(path, model), MemoryJournal(), ReplayModel(())
            )
            await application.mcp.start(application.catalog)
            self._applications[key] = application
        return self._applications[key]


def agent_of(application: Application, name: str | None) -> BaseAgent:
    """The agent of that name. Raises NotFoundError, with the names that there are."""
    agents = application.catalog.agents
    agent = agents.get(name or "")
    if agent is None:
        raise NotFoundError(f"There is no agent {name!r} here: there are {', '.join(sorted(agents)) or 'none'}")
    return agent
