"""Changes that a command makes in the journal itself, since no server owns it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journeyman.auth.principal import LOCAL_NAME
from journeyman.runtime.use_cases.waiting_runs import WaitingFilter
from journeyman.server.without_agents import runtime_without_agents
from journeyman.settings import Settings

END_SECONDS = 30.0  # how long one cancelled run may take to end


async def cancel_in_journal(settings: Settings, where: Mapping[str, Any], run_id: str | None = None) -> list[str]:
    """Cancel the run, or without one the runs that wait and match `where`. Returns the ids of the cancelled runs.

    Raises NotFoundError, and StateError (`run_ended`).
    """
    async with runtime_without_agents(settings) as runtime:
        if run_id is not None:
            await runtime.runs.cancel(LOCAL_NAME, run_id)
            cancelled = [run_id]
        else:
            cancelled = await runtime.waiting.cancel(LOCAL_NAME, WaitingFilter(**where))
        for each in cancelled:
            await runtime.runs.wait(each, END_SECONDS)
        return cancelled


async def erase_in_journal(settings: Settings, thread_id: str) -> None:
    """Erase a thread of `local`. Raises NotFoundError."""
    async with runtime_without_agents(settings) as runtime:
        await runtime.threads.erase(LOCAL_NAME, thread_id)


async def rename_in_journal(settings: Settings, thread_id: str, title: str) -> None:
    """Give a thread of `local` another title. Raises NotFoundError."""
    async with runtime_without_agents(settings) as runtime:
        await runtime.threads.rename(LOCAL_NAME, thread_id, title)
