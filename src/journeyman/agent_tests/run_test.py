"""One test, tried: what did not hold, and its recording of today."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from journeyman.agent_tests.agents_under_test import SCRIPTED, AgentsUnderTest
from journeyman.agent_tests.comparison import Comparison, Difference
from journeyman.agent_tests.expectations import failed_expectations
from journeyman.agent_tests.parsing import AgentTest, read_test
from journeyman.agent_tests.recording import Recording
from journeyman.agent_tests.replay import replayed
from journeyman.agent_tests.scripted import perform
from journeyman.agent_tests.writing import updated_text
from journeyman.errors import BaseError, StateError
from journeyman.events.events import Event
from journeyman.events.fold import AgentState, fold


class AgentTestResult(msgspec.Struct, frozen=True, kw_only=True):
    """`problem`: why it could not be tried at all. `today`: a recorded run as it is now, if it knows all replies."""

    path: Path
    name: str
    seconds: float = 0.0
    comparison: Comparison = Comparison()
    problem: BaseError | None = None
    today: Recording | None = None
    unmet: tuple[Difference, ...] = ()  # those of the differences that are no record's
    updated: bool = False

    @property
    def passed(self) -> bool:
        return self.problem is None and self.comparison.equal

    def text(self) -> str:
        """What did not hold, for people; empty: nothing."""
        return self.problem.message if self.problem is not None else self.comparison.text()


async def run_test_file(path: Path, cast: AgentsUnderTest) -> tuple[AgentTestResult, AgentTest | None]:
    """The verdict, and the test if it could be read. Raises nothing of ours."""
    began = time.monotonic()
    test: AgentTest | None = None
    try:
        test = read_test(path)
        verdict = await _tried(test, cast)
    except BaseError as exc:
        verdict = AgentTestResult(path=path, name=path.name, problem=exc)
    return msgspec.structs.replace(verdict, seconds=time.monotonic() - began), test


async def _tried(test: AgentTest, cast: AgentsUnderTest) -> AgentTestResult:
    comparison, today = Comparison(), None
    if test.recording is None:
        events = await perform(test, cast)
    else:
        application = await cast.application(test.agent_path, test.recording.model or SCRIPTED)
        replay = await replayed(test.recording, application)
        comparison, events = replay.comparison, replay.today.events
        today = None if replay.exhausted else replay.today
    failed = tuple(failed_expectations(test.entry.expect, _state(events), events)) if test.entry.expect else ()
    comparison = Comparison(differences=(*failed, *comparison.differences), notes=comparison.notes)
    name = test.entry.description or test.path.name
    return AgentTestResult(path=test.path, name=name, comparison=comparison, today=today, unmet=failed)


def _state(events: tuple[Event, ...]) -> AgentState:
    return fold("run", ((seq, 0, event) for seq, event in enumerate(events, 1)))


def update(verdict: AgentTestResult, test: AgentTest) -> AgentTestResult:
    """Write the recording of today into the file, and say so; what that cannot solve stays a failure.

    Not written: what a test expects beside its record, a file that cannot be used, and a run that asks for more than
    was recorded.
    """
    if test.recording is None or verdict.problem is not None:
        return verdict
    if verdict.today is None:
        problem = StateError(
            f"{verdict.text()}\nThe run asks for more than was recorded: run it anew and export that.",
            code="replay_exhausted",
        )
        return msgspec.structs.replace(verdict, problem=problem)
    text = updated_text(test.path.read_text(encoding="utf-8"), test.document, verdict.today)
    test.path.write_text(text, encoding="utf-8")
    left = Comparison(differences=verdict.unmet)
    return msgspec.structs.replace(verdict, comparison=left, updated=True)
