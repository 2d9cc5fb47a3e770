"""The `CallHost` of one tool call: how a tool's code reports to its run and asks it."""

from __future__ import annotations

import asyncio
from typing import Literal

from journeyman.agents.decision import CallTool
from journeyman.errors import ToolExecutionError
from journeyman.events.events import ContextChanged
from journeyman.events.messages import JSON
from journeyman.events.open_calls import Answered
from journeyman.runtime.engine.action_events import tool_started
from journeyman.runtime.engine.context_limits import check_context_of_code
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.mailbox import Mailbox
from journeyman.runtime.engine.recorder import Recorder
from journeyman.tools.spec import Question, Unanswered

MOST_QUESTIONS = 20  # of one call: a question that differs in each run of the tool would be asked without end


class ToolCallHost:
    """Records each attempt of a call before it runs, and waits until that is durable if the tool has effects.

    `recorded` is the last attempt whose start is recorded already (0: none). `executing` gets the call's name while
    code runs that must not run twice.
    """

    def __init__(
        self, action: CallTool, recorder: Recorder, mailbox: Mailbox, live: LiveRun, executing: set[str], recorded: int
    ) -> None:
        self._action = action
        self._recorder = recorder
        self._mailbox = mailbox
        self._live = live
        self._executing = executing
        self._recorded = recorded
        self._answers: list[Answered] | None = None  # not used in this attempt yet; None: not read from the state
        self._asked = 0

    async def starting(self, attempt: int) -> None:
        """Record the start of an attempt. Returns when its code may run.

        Raises CancelledError if the run was cancelled before a tool with effects could run.
        """
        self._answers = None
        if attempt > self._recorded:
            await self._mailbox.record(tool_started(self._action, self._recorder.state, attempt))
        if self._action.spec.policy.effects == "none":
            return
        await self._recorder.wait_durable()
        if self._recorder.state.cancel is not None:
            raise asyncio.CancelledError
        self._executing.add(self._action.call)

    def progress(self, value: str | float) -> None:
        """Show progress to those who watch the run."""
        self._live.report(self._action.call, value)

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Record a change of a context. Raises ValidationError if the context would be too large."""
        state = self._recorder.state
        check_context_of_code(state.thread_context if scope == "thread" else state.global_context, patch)
        await self._mailbox.record(ContextChanged(scope=scope, patch=patch, path=self._action.path))

    async def ask(self, question: Question) -> str:
        """Return a human's answer to this question: of several, the first that was not used in this attempt.

        Raises Unanswered if there is none yet, ToolExecutionError (`ask_refused`) after too many questions.
        """
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
