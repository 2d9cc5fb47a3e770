"""How long one call goes on after its gateway has failed."""

from __future__ import annotations

import asyncio
import random

import pytest

from journeyman.agents.decision import CallModel
from journeyman.agents.spec import AgentSpec, GraphSpec, ModelSettings, NodeSpec
from journeyman.clock import ManualClock
from journeyman.errors import ServiceError, ServiceTimeoutError, ServiceUnavailableError
from journeyman.events.codec import Codec
from journeyman.events.events import Parent, Path
from journeyman.events.fold import AgentState
from journeyman.events.model_request import ModelRequest
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.store import FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.memory import MemoryJournal
from journeyman.runtime.engine.gateway_patience import CallPatience, GatewayPatience
from journeyman.runtime.engine.mailbox import Mailbox, StepLacking
from journeyman.runtime.engine.recorder import Recorder
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.versions import VersionResolver

AWAY = ServiceUnavailableError("away", code="gateway_unreachable")
OPEN = ServiceUnavailableError("open", code="gateway_circuit_open", retry_after=1.0)
LATE = ServiceTimeoutError("late", code="gateway_timeout")
NODES = (NodeSpec(name="plain", type="llm"), NodeSpec(name="safe", type="llm", on_unavailable="plain"))
AGENT = AgentSpec(type="graph", name="a", model=ModelSettings(name="m"), graph=GraphSpec(start="plain", nodes=NODES))


class Calls:
    """The patience of one run, its mailbox and its clock."""

    def __init__(self, state: AgentState = AgentState(), *, attended: bool = False, seconds: float | None = None):
        self.clock, self.mailbox = ManualClock(), Mailbox()
        journal = MemoryJournal()
        versions = VersionResolver(journal, AgentRegistry({}), lambda spec: None, lambda tool, agent: None)  # type: ignore[arg-type, return-value]
        files = FileStore(journal, MemoryBlobs(), self.clock, SequentialIds())
        recorder = Recorder(RunParts(journal, Codec(), self.clock, SequentialIds(), versions, files), state)
        patience = GatewayPatience(clock=self.clock, seconds=seconds, rng=random.Random(1))
        self.patience = CallPatience(patience, self.mailbox, recorder, lambda run_id: attended, AGENT)

    async def after(
        self, error: ServiceError, *, waits: bool = True, attempt: int = 1, node: str = "plain"
    ) -> bool | None:
        """Return whether the call is made again after the failure. None: it waits for its gateway."""
        action = CallModel(call="m1", attempt=attempt, path=Path(node=node))
        request = ModelRequest(model="m", messages=(), gateway="other")
        task = asyncio.create_task(self.patience.may_retry(action, request, waits, error))
        for _ in range(20):
            await asyncio.sleep(0)
            if task.done():
                return task.result()
            if self.mailbox._messages:
                [message] = self.mailbox.take()
                assert isinstance(message, StepLacking)
                assert (message.lack.kind, message.lack.name) == ("gateway", "other")
                task.cancel()
                return None
            self.clock.advance(0.5)
        raise AssertionError("it neither waits nor decides")


async def test_a_call_is_made_again_for_ten_seconds_and_then_waits() -> None:
    calls = Calls()
    outcomes: list[bool | None] = []
    while not outcomes or outcomes[-1]:
        outcomes.append(await calls.after(AWAY))
    assert outcomes[-1] is None
    assert len(outcomes) > 4
    assert 8 <= calls.clock.monotonic() <= 11


async def test_a_call_of_a_nodes_code_fails_after_ten_seconds() -> None:
    calls = Calls()
    while (outcome := await calls.after(AWAY, waits=False)) is True:
        pass
    assert outcome is False


async def test_an_advice_that_is_longer_than_ten_seconds_is_not_waited_for_in_the_step() -> None:
    assert await Calls().after(ServiceUnavailableError("", code="gateway_rate_limited", retry_after=30.0)) is None


async def test_a_caller_who_waits_for_a_new_run_gets_the_failure() -> None:
    assert await Calls(attended=True).after(AWAY) is False
    assert await Calls(attended=True).after(OPEN) is False
    assert await Calls(attended=True).after(ServiceError("", code="gateway_error", status=503)) is True


@pytest.mark.parametrize(
    "state",
    [
        AgentState(finish_reason="stop"),
        AgentState(tool_calls=1),
        AgentState(lacked_at=5),
        AgentState(parent=Parent("run_0", "m1.0")),
    ],
    ids=["replied", "called a tool", "waited", "a child"],
)
async def test_a_run_that_is_not_new_waits_even_if_a_caller_does(state: AgentState) -> None:
    assert await Calls(state, attended=True).after(AWAY) is True


async def test_a_run_that_was_taken_over_waits_even_if_a_caller_does() -> None:
    calls = Calls(attended=True)
    calls.patience.note_take_over()
    assert await calls.after(AWAY) is True


async def test_a_node_with_another_way_takes_it_while_the_circuit_is_open() -> None:
    assert await Calls().after(OPEN, node="safe") is False
    assert await Calls().after(AWAY, node="safe") is True
    assert await Calls().after(OPEN, node="plain") is True


async def test_a_call_that_may_have_been_billed_waits_once() -> None:
    assert await Calls().after(LATE) is None
    assert await Calls(AgentState(billed=True)).after(LATE) is False
    assert await Calls(AgentState(billed=True)).after(AWAY) is True


async def test_the_patience_of_the_settings_ends_it() -> None:
    calls = Calls(seconds=3.0)
    while (outcome := await calls.after(AWAY)) is True:
        pass
    assert outcome is False
    assert calls.clock.monotonic() < 6
    long_ago = AgentState(lacked_at=ManualClock().now() - 10_000_000)
    assert await Calls(long_ago, seconds=5.0).after(AWAY) is False
