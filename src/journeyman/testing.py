"""For tests of agents and tools: the doubles (a scripted model, a journal in memory, …) and agent tests in YAML."""

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
    """Run an agent test. `agent`: the agent file, or folder, of a test that does not say.

    Raises AssertionError with what differs, and ConfigurationError when the test or the agent cannot be used.
    """
    from journeyman.agent_tests.agents_under_test import AgentsUnderTest  # noqa: PLC0415 - the whole server, for those who use it
    from journeyman.agent_tests.run_test import run_test_file  # noqa: PLC0415 - likewise
    from journeyman.settings import Settings  # noqa: PLC0415 - likewise

    async with AgentsUnderTest(Settings.read(), None if agent is None else Path(agent)) as cast:
        verdict, _ = await run_test_file(Path(path), cast)
    if verdict.problem is not None:
        raise verdict.problem
    if not verdict.passed:
        raise AssertionError(f"{path}:\n{verdict.text()}")
