"""The pytest plugin: the `agent` fixture, and agent tests in YAML.

Every pytest run loads this module, so it imports the rest of the package only when it is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from journeyman.agents.agent import BaseAgent

SUFFIX = ".agent-test.yaml"
MakeAgent = Callable[..., Awaitable["BaseAgent"]]


@pytest.fixture
async def agent() -> AsyncIterator[MakeAgent]:
    """Return a factory of agents that use a scripted model and a journal in memory.

    async def test_refund(agent):
        support = await agent("agent.yaml", turns=[{"text": "Done."}])
        result = await support.run("Refund order 7")
        assert result.response == "Done."
    """
    from journeyman.server import AgentFactory  # noqa: PLC0415 - pytest loads this plugin in every run
    from journeyman.testing import MemoryJournal, ScriptedModel  # noqa: PLC0415 - likewise

    agents: list[BaseAgent] = []

    async def make(
        config: Mapping[str, Any] | str | Path | None = None, *, turns: Sequence[Mapping[str, Any]] = ()
    ) -> BaseAgent:
        factory = AgentFactory(config, journal=MemoryJournal(), models=ScriptedModel(turns))
        agents.append(await factory.create_agent())
        return agents[-1]

    yield make
    for created in agents:
        await created.aclose()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> AgentTestFile | None:
    """Collect a file if its name says that it is an agent test."""
    if not file_path.name.endswith(SUFFIX):
        return None
    return AgentTestFile.from_parent(parent, path=file_path)


class AgentTestFile(pytest.File):
    """A `*.agent-test.yaml` file, which holds one test."""

    def collect(self) -> Iterator[pytest.Item]:
        yield AgentTestItem.from_parent(self, name=self.path.name.removesuffix(SUFFIX))


class AgentTestItem(pytest.Item):
    """An agent test as a pytest item: it runs as `journeyman test` does, and its failure lists the differences."""

    def runtest(self) -> None:
        from journeyman.testing import check_agent_test  # noqa: PLC0415 - pytest loads this plugin in every run

        asyncio.run(check_agent_test(self.path))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, 0, f"agent test {self.name}"
