"""One tool call as its run sees it: the `CallHost` that a tool's code talks to."""

from __future__ import annotations

import asyncio
from typing import Literal

from journeyman.agents.decision import CallTool
from journeyman.errors import ToolExecutionError
from journeyman.events.events import ContextChanged, Event
from journeyman.events.messages import JSON
from journeyman.events.open_calls import Answered
from journeyman.runtime.engine.action_events import tool_started
from journeyman.runtime.engine.context_limits import check_context
from journeyman.runtime.engine.inbox import Mailbox, RunnerMessage
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.recorder import Recorder
from journeyman.tools.spec import Question, Unanswered

MOST_QUESTIONS = 20  # of one call: a question that changes with each run of the tool would be asked for ever


class ToolCallHost:
    """Records each try before it runs, and waits at the barrier where a repeat would do harm.

    `recorded` is the attempt whose start stands in the decision's own batch already (0: none does).
    """

    def __init__(
        self, action: CallTool, recorder: Recorder, inbox: Mailbox, live: LiveRun, executing: set[str], recorded: int
    ) -> None:
        self._action = action
        self._recorder = recorder
        self._inbox = inbox
        self._live = live
        self._executing = executing
        self._recorded = recorded
        self._answers: list[Answered] | None = None  # of humans, in this try not used yet; read when first asked
        self._asked = 0

    async def starting(self, attempt: int) -> None:
        self._answers = None
        if attempt > self._recorded:
            await self._record(tool_started(self._action, self._recorder.state, attempt))
        if self._action.spec.policy.effects == "none":
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

    async def ask(self, question: Question) -> str:
        """Each answer serves once in a try: the first that was given to this question and is left."""
        wanted = self._recorder.as_stored(question.text)
        if self._answers is None:
            call = next((call for call in self._recorder.state.all_calls if call.call == self._action.call), None)
            self._answers = list(call.answers) if call else []
            self._asked = len(self._answers)
        for asked in self._answers:
            if asked.question == wanted:
                self._answers.remove(asked)
                return asked.answer
        if self._asked >= MOST_QUESTIONS:
            raise ToolExecutionError(f"a call asks at most {MOST_QUESTIONS} questions", code="ask_refused")
        raise Unanswered

    async def _record(self, event: Event) -> None:
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put(RunnerMessage((event,), recorded=recorded))
        await recorded
