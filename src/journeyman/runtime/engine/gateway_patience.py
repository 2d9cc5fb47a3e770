"""How long a model call goes on after its gateway has failed: it tries again, waits for the gateway, or fails."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from journeyman.agents.decision import CallModel
from journeyman.agents.spec import AgentSpec
from journeyman.clock import Clock
from journeyman.errors import BaseError
from journeyman.events.events import Lack
from journeyman.events.fold import AgentState
from journeyman.events.model_request import ModelRequest
from journeyman.llm.gateway.outage import AT_ONCE, NOT_SET, outage_of
from journeyman.resilience.retry import Backoff
from journeyman.runtime.engine.mailbox import Mailbox
from journeyman.runtime.engine.performer import RETRY_SECONDS
from journeyman.runtime.engine.recorder import Recorder

log = logging.getLogger(__name__)

STEP_SECONDS = 10.0  # how long a call tries again inside its step; after that the run may pause
_BACKOFF = Backoff(first=0.5, longest=2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPatience:
    """The patience of a process. `seconds` is the longest wait of a run for its gateway; None: without an end."""

    clock: Clock
    seconds: float | None = None
    rng: random.Random = field(default_factory=random.Random)


class CallPatience:
    """The patience of one run with the gateways of its model calls.

    `is_attended` says whether a caller waits for a run's answer at this moment.
    """

    def __init__(
        self,
        patience: GatewayPatience,
        mailbox: Mailbox,
        recorder: Recorder,
        is_attended: Callable[[str], bool],
        agent: AgentSpec,
    ) -> None:
        self._patience = patience
        self._clock = patience.clock
        self._mailbox = mailbox
        self._recorder = recorder
        self._is_attended = is_attended
        self._agent = agent
        self._began: dict[str, float] = {}  # call -> when its first try of this outage failed
        self._tries: dict[str, int] = {}
        self._taken_over = False
        self.waiting: dict[str, Lack] = {}  # calls that wait for their gateway

    def note_take_over(self) -> None:
        """Remember that an earlier process drove the run, whose caller is gone."""
        self._taken_over = True

    async def may_retry(self, action: CallModel, request: ModelRequest, waits: bool, error: BaseError) -> bool:
        """Return whether the call is made again now, after the pause that the failure asks for. False: it has failed.

        With `waits`, the call waits for its gateway after `STEP_SECONDS`; the run may pause and cancel it then.
        """
        outage = outage_of(error)
        billed = outage == "billed"
        if outage is None or self._must_fail(action, error) or (billed and self._recorder.state.billed):
            return False
        now, call = self._clock.monotonic(), action.call
        began = self._began.setdefault(call, now)
        tries = self._tries[call] = self._tries.get(call, 0) + 1
        if self._is_used_up(now - began):
            return False
        pause = _BACKOFF.pause(tries, self._patience.rng.random(), error.retry_after)
        if billed or error.code == NOT_SET or now + pause - began > STEP_SECONDS:
            if not waits or (billed and tries > 1):
                return False
            log.warning("a model call waits for its gateway: %s", error.message, extra={"code": error.code})
            await self._wait(call, Lack("gateway", request.gateway, billed))
            pause = RETRY_SECONDS
        await self._clock.sleep(pause)
        return True

    async def _wait(self, call: str, lack: Lack) -> None:
        self.waiting[call] = lack
        await self._mailbox.wait_for(call, lack)
        del self.waiting[call], self._began[call]

    def _is_used_up(self, seconds: float) -> bool:
        """Return whether the run has waited for as long as it may. `seconds`: since the call's first failure here."""
        longest, since = self._patience.seconds, self._recorder.state.lacked_at
        waited = max(seconds, (self._clock.now() - since) / 1_000_000 if since else 0.0)
        return longest is not None and waited >= longest

    def _must_fail(self, action: CallModel, error: BaseError) -> bool:
        """Return whether the call fails at once: its agent has another way, or a caller waits for a run that is new."""
        if error.code == "gateway_circuit_open" and self._has_other_way(action):
            return True
        if error.code not in AT_ONCE or self._taken_over:
            return False
        state = self._recorder.state
        return _is_new(state) and self._is_attended(state.run_id)

    def _has_other_way(self, action: CallModel) -> bool:
        """Return whether the node of the call names another one for a service that cannot be used."""
        nodes = self._agent.graph.nodes if self._agent.graph is not None else ()
        return any(node.name == action.path.node and node.on_unavailable is not None for node in nodes)


def _is_new(state: AgentState) -> bool:
    """Return whether a run that has no parent has not done anything: no reply, no tool call, no node left, no wait."""
    visits = sum(state.walk.visits.values())
    done = state.finish_reason or state.tool_calls or state.lacked_at or visits > 1
    return state.parent is None and not done
