"""A recording against today: played with the agent that is served now, or with the version that it was recorded of."""

from __future__ import annotations

import msgspec

from journeyman.agent_tests.agents_under_test import agent_of
from journeyman.agent_tests.comparison import Comparison, compare
from journeyman.agent_tests.recording import Recording
from journeyman.agent_tests.replay_engine import ReplayEngine, ReplayResult, prompts_of
from journeyman.agents.agent import BaseAgent
from journeyman.agents.spec import AgentSpec
from journeyman.errors import StateError
from journeyman.events.codec import Codec
from journeyman.server.application import Application


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a recording compares with `today`, what would be recorded now. `exhausted`: it lacks replies or results."""

    comparison: Comparison
    today: Recording
    exhausted: bool


async def replayed(recording: Recording, application: Application) -> ReplayReport:
    """Play it with today's agent of its name, and compare; no known secret is in the outcome. Raises NotFoundError."""
    agent = None if recording.accepted.direct else agent_of(application, recording.accepted.agent)
    played = await _play(recording, agent, application)
    codec = _codec(recording, application)
    today = as_recorded(recording, played, agent.spec if agent else None).masked(codec)
    return ReplayReport(comparison=compare(recording.masked(codec), today), today=today, exhausted=played.exhausted)


async def completed(recording: Recording, application: Application) -> Recording:
    """With the system prompts that the run's own version of its agent gave: that version is played for them.

    Without one it stays as it is. Raises StateError (`not_replayable`) if even that version takes another course.
    """
    agent = _agent_then(recording, application)
    if agent is None and recording.accepted.direct is None:
        return recording
    played = await _play(recording, agent, application)
    then = as_recorded(recording, played, agent.spec if agent else None)
    whole = msgspec.structs.replace(recording, definition=then.definition, prompts=then.prompts)
    codec = _codec(recording, application)
    comparison = compare(whole.masked(codec), then.masked(codec))
    if not comparison.equal:
        message = f"The run cannot be played again as it was:\n{comparison.text()}"
        raise StateError(message, code="not_replayable")
    return whole.masked(codec)


def as_recorded(recording: Recording, played: ReplayResult, spec: AgentSpec | None) -> Recording:
    """What would be recorded of the run as it was played."""
    prompts = prompts_of(played.requests) if spec is not None else None
    return msgspec.structs.replace(recording, events=played.events, definition=spec, prompts=prompts)


def _agent_then(recording: Recording, application: Application) -> BaseAgent | None:
    """The agent in the version that ran: of the recorded definition, else today's if that is the same version."""
    if recording.definition is not None:
        return application.definitions.build(recording.definition)
    now = application.catalog.agents.get(recording.accepted.agent or "")
    return now if now is not None and now.version == recording.accepted.version else None


async def _play(recording: Recording, agent: BaseAgent | None, application: Application) -> ReplayResult:
    definitions = application.definitions
    return await ReplayEngine(recording, agent, definitions.build, definitions.direct).play()


def _codec(recording: Recording, application: Application) -> Codec:
    """Knows what is secret now and what was when it was recorded."""
    return Codec((*application.secrets, *recording.secrets))
