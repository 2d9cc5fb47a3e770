"""Test doubles for agents and tools (a scripted model, a journal in memory, …), and agent tests in YAML."""

from pathlib import Path

from journeyman.clock import ManualClock
from journeyman.egress.transport import FakeTransport
from journeyman.ids import SequentialIds
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.fake.scripted import ScriptedModel

__all__ = [
    "FakeTransport",
    "ManualClock",
    "MemoryJournal",
    "ScriptedModel",
    "SequentialIds",
    "check_agent_test",
]


async def check_agent_test(path: Path | str, *, agent: Path | str | None = None) -> None:
    """Run an agent test. `agent` is the agent file, or its folder, for a test that names none.

    Raises:
        AssertionError: The run differs from what the test expects; the message lists the differences.
        ConfigurationError: The test or its agent cannot be used.
    """
    # imported here since they load the whole server
    from journeyman.agent_tests.agents_under_test import AgentsUnderTest  # noqa: PLC0415
    from journeyman.agent_tests.run_test import run_test_file  # noqa: PLC0415
    from journeyman.settings import Settings  # noqa: PLC0415

    async with AgentsUnderTest(Settings.read(), None if agent is None else Path(agent)) as agents:
        result, _ = await run_test_file(Path(path), agents)
    if result.problem is not None:
        raise result.problem
    if not result.passed:
        raise AssertionError(f"{path}:\n{result.text()}")
