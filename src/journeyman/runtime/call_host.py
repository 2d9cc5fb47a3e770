"""One tool call as its run sees it: the `CallHost` that a tool's code talks to."""

from __future__ import annotations

import asyncio
from typing import Literal

from journeyman.agents.decision import CallTool
from journeyman.events.events import ContextChanged, Event
from journeyman.events.messages import JSON
from journeyman.runtime.bounds import check_context
from journeyman.runtime.inbox import Fact, Inbox
from journeyman.runtime.live import LiveRun
from journeyman.runtime.recorder import Recorder
from journeyman.runtime.translate import tool_started


class RunningCall:
    """Records each try before it runs, and waits at the barrier where a repeat would do harm.

    `recorded` is the attempt whose start stands in the decision's own batch already (0: none does).
    """

    def __init__(
        self, action: CallTool, recorder: Recorder, inbox: Inbox, live: LiveRun, executing: set[str], recorded: int
    ) -> None:
        self._action = action
        self._recorder = recorder
        self._inbox = inbox
        self._live = live
        self._executing = executing
        self._recorded = recorded

    async def starting(self, attempt: int) -> None:
        if attempt > self._recorded:
            await self._record(tool_started(self._action, self._recorder.state, attempt))
        if self._action.spec.effects == "none":
            return
        await self._recorder.settle()
        if self._recorder.state.cancel is not None:
            raise asyncio.CancelledError  # overtaken at the barrier: withdrawn before it ran
        self._executing.add(self._action.call)

    def progress(self, value: str | float) -> None:
        self._live.report(self._action.call, value)

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Raises ValidationError when the context would hold too much."""
        state = self._recorder.state
        check_context(state.thread_context if scope == "thread" else state.global_context, patch)
        await self._record(ContextChanged(scope=scope, patch=patch, path=self._action.path))

    async def _record(self, event: Event) -> None:
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put(Fact((event,), recorded=recorded))
        await recorded
