"""Runs one agent test and reports its result."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from journeyman.agent_tests.agents_under_test import SCRIPTED, AgentsUnderTest
from journeyman.agent_tests.comparison import Comparison, Difference
from journeyman.agent_tests.expectations import failed_expectations, missing_tools
from journeyman.agent_tests.parsing import AgentTest, read_test
from journeyman.agent_tests.recording import Recording
from journeyman.agent_tests.replay import replay_run
from journeyman.agent_tests.scripted import run_scripted
from journeyman.agent_tests.writing import updated_text
from journeyman.errors import BaseError, StateError
from journeyman.events.events import Event
from journeyman.events.fold import AgentState, fold


class AgentTestResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an agent test.

    `problem` is the reason why it could not be run. `today` is today's recording of a recorded run, unless the run
    requested more than was recorded. `unmet` has the differences that are unmet expectations.
    """

    path: Path
    name: str
    seconds: float = 0.0
    comparison: Comparison = Comparison()
    problem: BaseError | None = None
    today: Recording | None = None
    unmet: tuple[Difference, ...] = ()
    updated: bool = False

    @property
    def passed(self) -> bool:
        """Whether the test was run and found no difference."""
        return self.problem is None and self.comparison.equal

    def text(self) -> str:
        """Return why the test failed; empty if it passed."""
        return self.problem.message if self.problem is not None else self.comparison.text()


async def run_test_file(path: Path, agents: AgentsUnderTest) -> tuple[AgentTestResult, AgentTest | None]:
    """Run the test in a file, and return its result and the test. The test is None if the file cannot be used.

    Every BaseError becomes the result's `problem`.
    """
    started = time.monotonic()
    test: AgentTest | None = None
    try:
        test = read_test(path)
        result = await _run(test, agents)
    except BaseError as exc:
        result = AgentTestResult(path=path, name=path.name, problem=exc)
    return msgspec.structs.replace(result, seconds=time.monotonic() - started), test


async def _run(test: AgentTest, agents: AgentsUnderTest) -> AgentTestResult:
    comparison, today = Comparison(), None
    if test.recording is None:
        events = await run_scripted(test, agents)
    else:
        application = await agents.application(test.agent_path, test.recording.model or SCRIPTED)
        replay = await replay_run(test.recording, application)
        comparison, events = replay.comparison, replay.today.events
        today = None if replay.exhausted else replay.today
    failed = tuple(failed_expectations(test.entry.expect, _state(events), events)) if test.entry.expect else ()
    if test.recording is None:  # a recorded model may have called a tool that never was
        failed = (*missing_tools(test.entry.expect, events), *failed)
    comparison = Comparison(differences=(*failed, *comparison.differences), notes=comparison.notes)
    name = test.entry.description or test.path.name
    return AgentTestResult(path=test.path, name=name, comparison=comparison, today=today, unmet=failed)


def _state(events: tuple[Event, ...]) -> AgentState:
    return fold("run", ((seq, 0, event) for seq, event in enumerate(events, 1)))


def update(result: AgentTestResult, test: AgentTest) -> AgentTestResult:
    """Write today's recording into the test file, and return the result that the test then has.

    The file does not change if it has no recording, cannot be used, or if the run requested more than was recorded.
    Expectations are not changed, so those that are not met remain differences.
    """
    if test.recording is None or result.problem is not None:
        return result
    if result.today is None:
        problem = StateError(
            f"{result.text()}\nThe run requests more than was recorded. Run it again and export the new run.",
            code="replay_exhausted",
        )
        return msgspec.structs.replace(result, problem=problem)
    text = updated_text(test.path.read_text(encoding="utf-8"), test.document, result.today)
    test.path.write_text(text, encoding="utf-8")
    remaining = Comparison(differences=result.unmet)
    return msgspec.structs.replace(result, comparison=remaining, updated=True)
