"""The pytest plugin: the `agent` fixture. Light to import, since pytest loads it in every run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from journeyman.agents.agent import BaseAgent

MakeAgent = Callable[..., Awaitable["BaseAgent"]]


@pytest.fixture
async def agent() -> AsyncIterator[MakeAgent]:
    """Makes agents over a scripted model and a journal in memory.

    async def test_refund(agent):
        support = await agent("agent.yaml", turns=[{"text": "Done."}])
        result = await support.run("Refund order 7")
        assert result.response == "Done."
    """
    from journeyman.server import AgentFactory  # noqa: PLC0415 - pytest loads this plugin in every run
    from journeyman.testing import MemoryJournal, ScriptedModel  # noqa: PLC0415 - likewise

    made: list[BaseAgent] = []

    async def make(
        config: Mapping[str, Any] | str | Path | None = None, *, turns: Sequence[Mapping[str, Any]] = ()
    ) -> BaseAgent:
        factory = AgentFactory(config, journal=MemoryJournal(), models=ScriptedModel(turns))
        made.append(await factory.create_agent())
        return made[-1]

    yield make
    for each in made:
        await each.aclose()
