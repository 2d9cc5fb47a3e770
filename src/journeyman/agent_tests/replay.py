"""Replays a recording with the agent of today, or with the agent's version of that time, and compares the two."""

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
from journeyman.events.messages import JSON
from journeyman.server.application import Application


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a replay: the comparison, and the recording of `today`.

    `exhausted` means that the run requested more than was recorded.
    """

    comparison: Comparison
    today: Recording
    exhausted: bool


async def replay_run(recording: Recording, application: Application) -> ReplayReport:
    """Replay a recording with today's agent and compare the two, with all known secrets masked.

    Raises:
        NotFoundError: There is no agent of the recorded name.
    """
    agent = None if recording.accepted.direct else agent_of(application, recording.accepted.agent)
    result = await _play(recording, agent, application)
    codec = _codec(recording, application)
    today = as_recorded(recording, result, agent.spec if agent else None).masked(codec)
    comparison = compare(recording.masked(codec), today, _schemas(application))
    return ReplayReport(comparison=comparison, today=today, exhausted=result.exhausted)


async def with_prompts(recording: Recording, application: Application) -> Recording:
    """Return the recording with its definition and system prompts, which a replay with the recorded version gives.

    Returns `recording` itself if that version is not known.

    Raises:
        StateError: `not_replayable`: the replay differs from the recording.
    """
    agent = _recorded_agent(recording, application)
    if agent is None and recording.accepted.direct is None:
        return recording
    result = await _play(recording, agent, application)
    replayed = as_recorded(recording, result, agent.spec if agent else None)
    whole = msgspec.structs.replace(recording, definition=replayed.definition, prompts=replayed.prompts)
    codec = _codec(recording, application)
    comparison = compare(whole.masked(codec), replayed.masked(codec), _schemas(application))
    if not comparison.equal:
        message = f"The run cannot be replayed, since the replay differs from the recording:\n{comparison.text()}"
        raise StateError(message, code="not_replayable")
    return whole.masked(codec)


def as_recorded(recording: Recording, result: ReplayResult, spec: AgentSpec | None) -> Recording:
    """Return the recording that a replay would give."""
    prompts = prompts_of(result.requests) if spec is not None else None
    return msgspec.structs.replace(recording, events=result.events, definition=spec, prompts=prompts)


def _recorded_agent(recording: Recording, application: Application) -> BaseAgent | None:
    """Return the agent in the version that ran. None: that version is not known.

    It is built from the recorded definition; without one, today's agent is used if it has the same version.
    """
    if recording.definition is not None:
        return application.versions.build(recording.definition)
    current = application.agents.agents.get(recording.accepted.agent or "")
    return current if current is not None and current.version == recording.accepted.version else None


async def _play(recording: Recording, agent: BaseAgent | None, application: Application) -> ReplayResult:
    versions = application.versions
    return await ReplayEngine(recording, agent, versions.build, versions.direct).play()


def _schemas(application: Application) -> dict[str, dict[str, JSON]]:
    return {name: tool.spec.parameters for name, tool in application.registry.tools.items()}


def _codec(recording: Recording, application: Application) -> Codec:
    """Return a codec that masks the secrets of today and those of the recording."""
    return Codec((*application.secrets.values, *recording.secrets))
