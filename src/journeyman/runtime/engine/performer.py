"""Performs actions: asks models and executes tools. It records nothing: it returns events and outcomes."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from journeyman.agents.decision import CallModel, CallTool, Summarize
from journeyman.clock import Clock
from journeyman.errors import BaseError, ServiceTimeoutError
from journeyman.events.attachments import any_attachments
from journeyman.events.events import Failure, HistorySummarized, ModelFailed, ModelReplied
from journeyman.events.fold import AgentState, replace
from journeyman.events.messages import JSON, Usage
from journeyman.files.incoming import stored_results
from journeyman.files.outgoing import OutgoingFiles
from journeyman.files.store import FileStore
from journeyman.ids import Ids
from journeyman.llm.client import ModelClient, ModelReply, ModelRequest, TextDelta, is_built_in
from journeyman.llm.prices import Prices
from journeyman.runtime.engine.action_events import history_summarized_event, idempotency_key, taken_turn
from journeyman.runtime.engine.live import LiveRun
from journeyman.runtime.engine.script_turns import ScriptTurns, TurnsOfRun
from journeyman.tools.spec import CallHost, CallRequest, ToolOutcome

log = logging.getLogger(__name__)


RETRY_SECONDS = 1.0  # between tries of a step that waits while other work of its run goes on

MayRetry = Callable[[BaseError], Awaitable[bool]]


class ToolExecutor(Protocol):
    """Executes tool calls. Implemented by `tools.executor`."""

    async def execute(self, request: CallRequest, host: CallHost) -> ToolOutcome:
        """Execute one call. A failure is an outcome too: nothing is raised but CancelledError."""
        ...


class Performer:
    """The only place where a run calls models and tools."""

    def __init__(
        self,
        models: ModelClient,
        tools: ToolExecutor,
        clock: Clock,
        ids: Ids,
        prices: Prices | None = None,
        turns: ScriptTurns | None = None,
        files: FileStore | None = None,
    ) -> None:
        """`turns` chooses the turns of scripts and recordings. None: each of them counts its calls itself.

        Without `files`, parts that name a file are sent as they are, and files of results are dropped.
        """
        self._turns = turns
        self._models = models
        self._tools = tools
        self._clock = clock
        self._ids = ids
        self._prices = prices or Prices()
        self._files = files
        self._outgoing = OutgoingFiles(files) if files is not None else None

    def turns_of(self, run_id: str) -> TurnsOfRun | None:
        """Return what chooses the turns of scripts and recordings for a run's model calls. None: nothing does."""
        return self._turns.of_run(run_id) if self._turns is not None else None

    async def call_model(
        self,
        action: CallModel,
        request: ModelRequest,
        live: LiveRun,
        stream: bool,
        principal: str,
        may_retry: MayRetry | None = None,
    ) -> ModelReplied | ModelFailed:
        """Ask the model. With `stream`, its text appears in `live` as it comes. Failures become ModelFailed.

        The files that the messages name are those of `principal`. `may_retry` is given each failure and returns whether
        to ask again; None: never.
        """
        began = self._clock.monotonic()
        while True:
            try:
                reply = await self._reply(action, request, live, stream, principal)
                break
            except BaseError as exc:
                if may_retry is None or not await may_retry(exc):
                    return self._model_failed(action, request, exc, self._since(began))
        usage = self._prices.priced(reply.usage, reply.model, request.model)
        return _model_replied(action, request, reply, usage, self._since(began))

    async def _reply(
        self, action: CallModel, request: ModelRequest, live: LiveRun, stream: bool, principal: str
    ) -> ModelReply:
        if any_attachments(request.messages):
            request = await self._with_files(request, principal)
        asking = self._stream(action, request, live) if stream else self._models.call(request)
        return await (asking if action.timeout_seconds is None else _within(action.timeout_seconds, asking))

    async def _with_files(self, request: ModelRequest, principal: str) -> ModelRequest:
        if self._outgoing is None or is_built_in(request.model):
            return request
        return await self._outgoing.resolved(request, principal)

    async def _stream(self, action: CallModel, request: ModelRequest, live: LiveRun) -> ModelReply:
        text = live.begin(action.call, action.attempt)

        def on_delta(delta: TextDelta) -> None:
            live.extend(text, delta)

        reply = await self._models.call(request, on_delta)
        live.finish(text)
        return reply

    def _model_failed(
        self, action: CallModel, request: ModelRequest, error: BaseError, latency_ms: float
    ) -> ModelFailed:
        return ModelFailed(
            call=action.call,
            attempt=action.attempt,
            error=self._failure(error),
            latency_ms=latency_ms,
            turn=taken_turn(request),
            path=action.path,
        )

    def _failure(self, error: BaseError) -> Failure:
        failure = Failure(error.code, error.message, self._ids.new("err"), error.retry_after)
        facts = {"code": error.code, "error_id": failure.error_id, "detail": getattr(error, "detail", None)}
        log.warning("model call failed: %s", error.message, extra=facts)
        return failure

    async def summarize(self, action: Summarize, may_retry: MayRetry | None = None) -> HistorySummarized:
        """Ask the model for a summary. A failure is returned as the event's error: the run goes on without it.

        `may_retry` as for `call_model`.
        """
        began = self._clock.monotonic()
        while True:
            try:
                reply = await self._models.call(action.request)
                break
            except BaseError as exc:
                if may_retry is None or not await may_retry(exc):
                    return history_summarized_event(action, self._failure(exc), self._since(began))
        usage = self._prices.priced(reply.usage, reply.model, action.request.model)
        return history_summarized_event(action, replace(reply, usage=usage), self._since(began))

    async def call_tool(self, action: CallTool, state: AgentState, host: CallHost) -> ToolOutcome:
        """Execute a tool. Its code talks to the run by `host`."""
        request = CallRequest(
            spec=action.spec,
            arguments=action.arguments,
            call=action.call,
            run_id=state.run_id,
            thread_id=state.thread_id,
            principal=state.principal,
            idempotency_key=idempotency_key(state, action.call),
            agent=state.agent or "",
            attempt=action.attempt,
            approved=action.approved,
            thread_context=state.thread_context,
            global_context=state.global_context,
        )
        outcome = await self._tools.execute(request, host)
        return await self._with_files_kept(outcome, state.principal) if outcome.files else outcome

    async def _with_files_kept(self, outcome: ToolOutcome, principal: str) -> ToolOutcome:
        """Return the outcome with its files stored: the event of the call's end names them."""
        if self._files is None:
            return replace(outcome, files=())
        named = [(file.name, file.data) for file in outcome.files]
        parts, notes = await stored_results(self._files, principal, named)
        return replace(outcome, result=f"{outcome.result or ''}{notes}", files=(), parts=parts)

    async def pause_before_retry(self) -> None:
        """Pause before another try of a step that lacked something."""
        await self._clock.sleep(RETRY_SECONDS)

    async def compute(self, name: str, make: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        """Return the value of `make`, which the code of a node remembers by this name."""
        made = make()
        value: JSON = await made if inspect.isawaitable(made) else made
        return value

    def _since(self, began: float) -> float:
        return round((self._clock.monotonic() - began) * 1000, 3)


async def _within(seconds: float, asking: Coroutine[Any, Any, ModelReply]) -> ModelReply:
    """Await the reply within the timeout of a node. Raises ServiceTimeoutError (`node_timeout`)."""
    try:
        async with asyncio.timeout(seconds):
            return await asking
    except TimeoutError as exc:
        raise ServiceTimeoutError(f"The model did not reply within {seconds:g} seconds.", code="node_timeout") from exc


def _model_replied(
    action: CallModel, request: ModelRequest, reply: ModelReply, usage: Usage, latency_ms: float
) -> ModelReplied:
    return ModelReplied(
        call=action.call,
        attempt=action.attempt,
        model=reply.model,
        message=reply.message,
        usage=usage,
        finish_reason=reply.finish_reason,
        latency_ms=latency_ms,
        gateway=reply.gateway,
        turn=taken_turn(request),
        path=action.path,
    )
