"""A run that waited becomes a test that passes: its waits are not part of what it did."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from journeyman.agent_tests.comparison import compare
from journeyman.agent_tests.normalize import normalized_events
from journeyman.agent_tests.parsing import parse_test
from journeyman.agent_tests.recording import Recording, read_recording
from journeyman.agent_tests.replay import as_recorded
from journeyman.agent_tests.replay_engine import ReplayEngine
from journeyman.agent_tests.writing import file_text
from tests.harness.incomplete_runtime import UNREACHABLE, FickleGateway, IncompleteRuntime, Reply, desk, incomplete


def looking(text: str, number: int) -> Reply:
    return (("look", {"what": text}),) if number == 0 else "seen"


async def played(recording: Recording, runtime: IncompleteRuntime) -> Recording:
    agent = runtime.catalog.agents["desk"]
    today = await ReplayEngine(recording, agent, runtime.build, runtime.direct).play()
    assert not today.exhausted
    return as_recorded(recording, today, agent.spec)


@pytest.mark.parametrize("restarts", [0, 2])
async def test_a_run_that_waited_becomes_a_test_that_passes(restarts: int) -> None:
    async with incomplete(desk(), gateway=FickleGateway(looking)) as runtime:
        runtime.gateway.failure = UNREACHABLE
        run_id = await runtime.start("a")
        await runtime.pass_time(15)
        for _ in range(restarts):
            await runtime.stop()
            await runtime.boot(tools=())
            await runtime.stop()
            await runtime.boot(desk())
        runtime.gateway.failure = None
        await runtime.pass_time(5)
        assert (await runtime.state(run_id)).status == "finished"
        recording = await read_recording(runtime.journal, run_id)
        before = await played(recording, runtime)
        assert compare(recording, before).text() == ""
        text = file_text(msgspec.structs.replace(recording, prompts=before.prompts), agent=None, description="")
        assert "lacks" not in text
        again = parse_test(text.encode(), Path("run.agent-test.yaml")).recording
        assert again is not None
        assert normalized_events(again.events) == normalized_events(recording.events)
        assert compare(again, await played(again, runtime)).text() == ""
