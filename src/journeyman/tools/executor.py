"""Executes tool calls: rate limit, worker, recorded start, time limit, retries, and the text for the model."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable

import msgspec

from journeyman.clock import Clock
from journeyman.errors import (
    BaseError,
    ServiceError,
    ServiceUnavailableError,
    ToolError,
    ToolExecutionError,
    ToolNotFoundError,
)
from journeyman.events.events import Failure
from journeyman.events.messages import JSON
from journeyman.events.streams import share_of
from journeyman.ids import Ids
from journeyman.tools.cache.cache import ToolCache
from journeyman.tools.call_bounds import CallBounds
from journeyman.tools.failures import TransientToolError, UnansweredToolError, detail_of, failure_of, readable
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.rate_limits import ToolRateLimits
from journeyman.tools.registry import RegisteredTool, ToolRegistry
from journeyman.tools.results import CUT_NOTE, formatted_result, plain_text
from journeyman.tools.spec import CallHost, CallRequest, Invoker, OnPrinted, ToolOutcome, ToolSpec, ignore_printed
from journeyman.tools.tool import ToolRetry
from journeyman.tools.tool_file import NOTES_CUT, TextWithFiles, kept_files
from journeyman.tools.tool_host import HttpSender, RunToolHost

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.2  # seconds; doubled with each try, then a random part of it is taken
_LONGEST_PAUSE = 30.0
_FAILURE_CAP = 4000  # characters of a failure's text


class ToolTimeoutError(ToolExecutionError):
    """A try took too long; its code was stopped."""

    default_code = "tool_timeout"


class Executor:
    """Executes calls whose arguments have been checked and which have been approved.

    `timeout_seconds` and `max_retries` are the defaults for tools that do not set their own. `on_printed` is called
    with what a call prints in its worker process. `bounds` are those of what a call sends to its run.
    A call waits for a worker for `wait_seconds`, or as long as it may take itself, if that is longer.
    """

    def __init__(
        self,
        registry: ToolRegistry,
        workers: WorkerPool,
        clock: Clock,
        rng: random.Random,
        ids: Ids,
        timeout_seconds: float = 30.0,
        max_retries: int = 3,
        cache: ToolCache | None = None,
        http: HttpSender | None = None,
        on_printed: OnPrinted = ignore_printed,
        bounds: CallBounds = CallBounds(),
        wait_seconds: float = 300.0,
    ) -> None:
        self._bounds = bounds
        self._wait_seconds = wait_seconds
        self._registry = registry
        self._workers = workers
        self._clock = clock
        self._rng = rng
        self._ids = ids
        self._timeout = timeout_seconds
        self._max_retries = max_retries
        self._cache = cache
        self._http = http
        self._on_printed = on_printed
        self._rates = ToolRateLimits(clock)

    async def execute(self, request: CallRequest, host: CallHost) -> ToolOutcome:
        """Run the call and return its outcome, also if it fails. A cancellation stops the tool and passes through."""
        started = self._clock.monotonic()
        try:
            tool = self._registry.resolve(request.spec)
        except ToolNotFoundError as exc:
            return ToolOutcome(failure=Failure(exc.code, exc.message), attempts=0)
        if request.approved and (unlike := await self._unlike_approved(request, tool)) is not None:
            return unlike
        cache = self._cache if request.spec.policy.is_cacheable else None
        if cache is not None and (cached := await cache.get(request)) is not None:
            return ToolOutcome(result=cached, duration_ms=self._since(started), attempts=0, cached=True)
        call = _Call(request, RunToolHost(host, request, self._http, self._bounds))
        result: str | TextWithFiles | None = None
        try:
            result = await self._with_retries(tool, call)
        except ToolError as failure:
            if call.host.question is None:
                return self._failed(call, failure, self._since(started))
        if call.host.question is not None:
            return ToolOutcome(question=call.host.question, attempts=call.started)
        if isinstance(result, TextWithFiles):
            spent = self._since(started)
            return ToolOutcome(result=result.text, files=result.files, duration_ms=spent, attempts=call.started)
        if cache is not None and result is not None:
            cache.put(request, result)
        return ToolOutcome(result=result, duration_ms=self._since(started), attempts=call.started)

    async def _unlike_approved(self, request: CallRequest, tool: RegisteredTool) -> ToolOutcome | None:
        """Return the outcome of an approved call if its tool is not as it was approved now. None: it is."""
        name, code_hash = request.spec.name, tool.spec.code_hash
        if tool.server is not None:
            try:
                listed = await tool.server.live_hash(name)
            except TransientToolError as exc:
                return ToolOutcome(failure=Failure(exc.code, exc.message), attempts=0, away=True)
            if listed is None:
                text = f"The server of {name} does not list this tool any more."
                return ToolOutcome(failure=Failure("tool_not_found", text), attempts=0)
            code_hash = listed
        return None if code_hash == request.spec.code_hash else ToolOutcome(changed_to=code_hash, attempts=0)

    def _since(self, started: float) -> float:
        """Return the milliseconds since `started`."""
        return (self._clock.monotonic() - started) * 1000

    async def _with_retries(self, tool: RegisteredTool, call: _Call) -> str | TextWithFiles:
        """Run the tool until a try succeeds. Raises the ToolError of a try that must not be repeated."""
        while True:
            try:
                return await self._attempt(tool, call)
            except ToolError as failure:
                pause = None if call.host.question is not None else self._pause_before_retry(call, failure)
                if pause is None:
                    raise
            await self._clock.sleep(pause)

    async def _attempt(self, tool: RegisteredTool, call: _Call) -> str | TextWithFiles:
        """Run the tool once, inline or in a worker, and return the text for the model. Raises ToolError."""
        await self._rates.wait(call.request.spec)
        if call.request.spec.policy.isolation == "inline" and tool.invoker is not None:
            return formatted_result(await self._run(tool.invoker, call), call.request.spec.policy.output_cap)
        if tool.target is None:
            raise ToolExecutionError(f"tool {tool.spec.name!r} cannot run in a process: define it in a module")
        request = call.request
        principal = request.principal
        owner = share_of(principal, f"{principal}/{request.thread_id}")
        async with self._workers.borrow(
            tool.target,
            request.spec,
            tool.files,
            self._on_printed,
            principal=principal,
            owner=owner,
            wait_seconds=max(self._wait_seconds, self._limit_of(request.spec)),
        ) as worker:
            # Formatted, checked and cut by the worker, but a worker is not trusted.
            result, longest = await self._run(worker, call), request.spec.policy.output_cap + CUT_NOTE
            if isinstance(result, TextWithFiles):
                return TextWithFiles(plain_text(result.text[: longest + NOTES_CUT]), kept_files(result.files)[0])
            return plain_text(str(result)[:longest])

    async def _run(self, invoker: Invoker, call: _Call) -> JSON:
        """Record the start of the try, then run it within the time limit."""
        limit = self._limit_of(call.request.spec)
        request = call.next_try()
        await call.host.starting(request.attempt)
        try:
            async with asyncio.timeout(limit):
                return await _translated(invoker.invoke(request, call.host))
        except TimeoutError as exc:
            raise ToolTimeoutError(f"the tool did not answer within {limit:g} seconds and was stopped") from exc

    def _limit_of(self, spec: ToolSpec) -> float:
        """Return the seconds that one try of the tool may take."""
        return self._timeout if spec.policy.timeout_seconds is None else spec.policy.timeout_seconds

    def _pause_before_retry(self, call: _Call, failure: ToolError) -> float | None:
        """Return the seconds to wait before the next try; None if the call must not be tried again."""
        spec = call.request.spec
        if spec.policy.effects == "once" or not isinstance(failure, ToolTimeoutError | TransientToolError | ToolRetry):
            return None
        retries = self._max_retries if spec.policy.retries is None else spec.policy.retries
        if call.started > retries:
            return None
        if isinstance(failure, ToolRetry) and failure.retry_after is not None:
            return min(max(failure.retry_after, 0.0), _LONGEST_PAUSE)
        return self._rng.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (call.started - 1)))

    def _failed(self, call: _Call, failure: ToolError, duration_ms: float) -> ToolOutcome:
        """Log the failure and return it as the outcome."""
        error_id = self._ids.new("err")
        self._log(call.request, failure, error_id)
        unknown = call.started > 0 and _is_unknown(call.request.spec, failure)
        code = "outcome_unknown" if unknown else failure.code
        said = plain_text(failure.message[:_FAILURE_CAP])
        message = f"{said}; it may or may not have taken effect" if unknown else said
        return ToolOutcome(
            failure=Failure(code, message, error_id),
            unknown=unknown,
            duration_ms=duration_ms,
            attempts=call.started,
        )

    @staticmethod
    def _log(request: CallRequest, failure: ToolError, error_id: str) -> None:
        """Log what only operators see: the traceback and the captured output, both of limited length."""
        facts = {
            "run_id": request.run_id,
            "call": request.call,
            "tool": request.spec.name,
            "code": failure.code,
            "error_id": error_id,
            "detail": getattr(failure, "detail", None),
        }
        _log.warning("tool %s failed: %s", request.spec.name, failure.message, extra=facts)


async def _translated(invoked: Awaitable[JSON]) -> JSON:
    """Await a call. An error of a library becomes one of the call, since it must not fail the whole run.

    Whether the call took effect is unknown then. Errors of the journal pass: the run cannot go on here.
    """
    try:
        return await invoked
    except ServiceUnavailableError as exc:  # nothing was sent
        raise failure_of(exc) from exc
    except ServiceError as exc:
        raise UnansweredToolError(exc.message, code=exc.code, detail=detail_of(exc)) from exc
    except (BaseError, TimeoutError):
        raise
    except Exception as exc:
        raise UnansweredToolError(readable(exc), detail=detail_of(exc)) from exc


class _Call:
    """A call in progress."""

    __slots__ = ("host", "request")

    def __init__(self, request: CallRequest, host: RunToolHost) -> None:
        self.request = request
        self.host = host

    @property
    def started(self) -> int:
        """The number of tries that have been started."""
        return self.host.started

    def next_try(self) -> CallRequest:
        """Return the request with the number of the next try."""
        if not self.started:
            return self.request
        return msgspec.structs.replace(self.request, attempt=self.request.attempt + self.started)


def _is_unknown(spec: ToolSpec, failure: ToolError) -> bool:
    """Check whether a failed `once` call may have taken effect."""
    unanswered = isinstance(failure, UnansweredToolError) or failure.code in ("tool_timeout", "tool_crashed")
    return spec.policy.effects == "once" and unanswered
