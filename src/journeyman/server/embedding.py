"""In-process use: the public AgentFactory, whose agents run without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from journeyman.agent_files.agent_types import AgentClass
from journeyman.agent_files.definition import LoadedAgents
from journeyman.agent_files.single import load_agent, load_environment_agent
from journeyman.agents.agent import BaseAgent
from journeyman.errors import ConfigurationError
from journeyman.events.messages import JSON, user
from journeyman.journal.journal import Journal
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.client import ModelClient
from journeyman.runtime.engine.frames import Frame
from journeyman.runtime.use_cases.requests import RunResult, StartRun
from journeyman.server.application import Application
from journeyman.server.composition import join
from journeyman.server.loading import LoadedFiles, agent_types, finder, load_context, loaded_files
from journeyman.server.paths import tools_path
from journeyman.settings import Settings
from journeyman.tools.registry import ToolRegistry
from journeyman.user_code.importing import ImportedFiles

PRINCIPAL = "local"
WAIT_SECONDS = 24 * 3600.0


class EmbeddedRuns:
    """Runs agents over an application that opens at the first run. `aclose` closes it."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._opening = asyncio.Lock()

    async def run(
        self, agent: BaseAgent, text: str, thread_id: str | None, context: dict[str, JSON] | None
    ) -> RunResult:
        """Run an agent and return how the run ended, or that it waits for a human."""
        runs = (await self._opened()).runs
        started = await runs.start(PRINCIPAL, _request(agent, text, thread_id, context, stream=False))
        return await runs.wait(started.run_id, WAIT_SECONDS)

    async def stream(
        self, agent: BaseAgent, text: str, thread_id: str | None, context: dict[str, JSON] | None
    ) -> AsyncGenerator[Frame, None]:
        """Run an agent and yield its frames, until the run ends or waits for a human."""
        runs = (await self._opened()).runs
        started = await runs.start(PRINCIPAL, _request(agent, text, thread_id, context, stream=True))
        async for frame in runs.watch(PRINCIPAL, started.run_id, until_pause=True):
            yield frame

    async def _opened(self) -> Application:
        async with self._opening:
            if not self.application.started:
                await self.application.__aenter__()
        return self.application

    async def aclose(self) -> None:
        """Close the application, if it was opened."""
        if self.application.started:
            await self.application.aclose()


def _request(
    agent: BaseAgent, text: str, thread_id: str | None, context: dict[str, JSON] | None, stream: bool
) -> StartRun:
    return StartRun(input=user(text), agent=agent.name, thread_id=thread_id, context=context, stream=stream)


class AgentFactory:
    """Makes one agent from a mapping, a file or the environment, with the same checks as `serve`.

    `journal` (by default in memory, unless DATABASE_URL is set) and `models` may be given, for example in tests.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | str | Path | None = None,
        *,
        journal: Journal | None = None,
        models: ModelClient | None = None,
    ) -> None:
        self._config = config
        self._journal = journal
        self._models = models
        self._imported = ImportedFiles()
        self._types = agent_types(self._imported)
        self._from_environment = False

    @classmethod
    def from_environment(cls) -> AgentFactory:
        """Return a factory for the agent of AGENT_TYPE, AGENT_NAME, AGENT_PROMPT, DEFAULT_MODEL and AGENT_TOOLS."""
        factory = cls()
        factory._from_environment = True
        return factory

    def register_type(self, name: str, agent_class: AgentClass) -> None:
        """Let `type: name` mean `agent_class`. Raises ConfigurationError if the name is taken."""
        self._types.register(name, agent_class)

    async def create_agent(self) -> BaseAgent:
        """Return a checked agent that can `run` and `stream`.

        Raises ConfigurationError with all problems; if the type is unknown, one that is also a ValueError.
        """
        settings = Settings.read()
        path = Path(self._config) if isinstance(self._config, (str, Path)) else None
        registry = await ToolRegistry.auto_register(
            tools_path(settings, path), discover=finder(settings), isolation=settings.tools_isolation
        )
        around = load_context(settings, registry, self._types, offline=False)
        around = replace(around, lost_tools=())  # files with problems are no error here, a tool that is missing is one
        if self._from_environment:
            agent = load_environment_agent(settings.environment, around)
        else:
            agent = await asyncio.to_thread(load_agent, self._config, around)  # a document of an API may take seconds
        loaded = loaded_files(
            settings, registry, self._types, LoadedAgents(agents=(agent,), problems=()), self._imported
        )
        if errors := [problem for problem in loaded.problems[len(registry.problems) :] if problem.severity == "error"]:
            raise ConfigurationError("The agent cannot be made:", errors)
        application = join_in_process(settings, loaded, self._journal, self._models)
        made = next(iter(application.agents.agents.values()))
        made.bind(EmbeddedRuns(application))
        return made


def join_in_process(
    settings: Settings, loaded: LoadedFiles, journal: Journal | None, models: ModelClient | None
) -> Application:
    """Build an application for in-process use.

    Its journal is in memory, unless one is given or DATABASE_URL is set: a script must not lock a server's file.
    """
    if journal is None and "database_url" not in settings.model_fields_set:
        journal = MemoryJournal()
    return join(settings, loaded, journal, models, in_process=True)
