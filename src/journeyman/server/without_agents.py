"""Work on a journal's runs in a process that serves no agents, such as ending runs whose agents are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from journeyman.agent_files.definition import LoadedAgents
from journeyman.runtime.runtime import Runtime
from journeyman.server.composition import join
from journeyman.server.loading import agent_types, loaded_files
from journeyman.settings import Settings
from journeyman.tools.registry import ToolRegistry
from journeyman.user_code.importing import ImportedFiles


@asynccontextmanager
async def runtime_without_agents(settings: Settings) -> AsyncIterator[Runtime]:
    """Open the journal and yield a runtime over it that starts no run by itself.

    Raises ConfigurationError if another process owns the journal.
    """
    imported = ImportedFiles()
    nothing = loaded_files(
        settings, ToolRegistry(), agent_types(imported), LoadedAgents(agents=(), problems=()), imported
    )
    application = join(settings, nothing, in_process=True)
    try:
        await application.journal.open()
        await application.journal.take_over()
        yield application.runtime
        await application.runtime.scheduler.stop(0)
    finally:
        await application.aclose()
