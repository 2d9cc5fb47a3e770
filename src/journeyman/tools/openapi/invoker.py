"""A tool made of an operation, and its call over the one way out."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from journeyman.clock import Clock
from journeyman.egress.retry_rules import (
    RefusedError,
    classify_idempotent,
    classify_non_idempotent,
    invites_retry,
    retry_after,
)
from journeyman.egress.services import Services
from journeyman.egress.transport import Request, Timeouts, Transport
from journeyman.errors import ServiceError, ServiceUnavailableError, ToolError, ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.resilience.guard import ErrorClass
from journeyman.tools.failures import UnansweredToolError
from journeyman.tools.openapi.call import prepare
from journeyman.tools.openapi.operation import Operation
from journeyman.tools.openapi.reply import read_reply
from journeyman.tools.registry import RegisteredTool
from journeyman.tools.schema.arguments import SchemaCheck
from journeyman.tools.spec import CallHost, CallRequest, ToolSpec

_DAY = 86_400.0
# Where no service is configured, the executor's time limit is the one bound of a call.
_UNBOUNDED = Timeouts(connect=10.0, first_byte=_DAY, idle=_DAY, total=_DAY)
_HEADERS = {"Accept": "application/json, */*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "journeyman"}


class Credential(msgspec.Struct, frozen=True):
    """A header that authenticates. Shows its name only."""

    header: str
    value: str

    def __repr__(self) -> str:
        return f"Credential({self.header!r}, ***)"


class OpenApiTool(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of one API, ready to be registered."""

    spec: ToolSpec
    operation: Operation
    base: str  # scheme://host[:port][/path]
    credential: Credential | None = None

    def registered(self, transport: Transport, services: Services, clock: Clock) -> RegisteredTool:
        check = SchemaCheck(self.spec.parameters)
        return RegisteredTool(spec=self.spec, check=check, invoker=OpenApiInvoker(self, transport, services, clock))


class OpenApiInvoker:
    """Makes a call an HTTP request behind the guard of its origin, and the answer the result."""

    def __init__(self, tool: OpenApiTool, transport: Transport, services: Services, clock: Clock) -> None:
        self._operation = tool.operation
        self._base = tool.base
        self._credential = tool.credential
        self._transport = transport
        self._services = services
        self._clock = clock

    async def invoke(self, request: CallRequest, host: CallHost) -> JSON:
        """The answer: JSON data, or text. Each try after the first is told to `host` before it is made.

        Raises:
            ToolExecutionError: `http_error` (not 2xx), or the code of the guard or the transport.
            ToolValidationError: `invalid_arguments`: a value that a URL or a header cannot carry.
        """
        destination = self._services.of_url(self._base)
        outgoing = self._request(request, destination.timeouts if destination.configured else _UNBOUNDED)
        last = request.attempt + _retries(request.spec, destination.guard.policy.retries)
        tries = request.attempt
        once = request.spec.policy.effects == "once"

        async def attempt(number: int) -> JSON | ToolError:
            nonlocal tries
            tries = number
            if number > request.attempt:
                await host.starting(number)
            return await self._exchange(outgoing)

        def judge(error: ServiceError) -> ErrorClass:
            judged = classify_non_idempotent(error) if once else classify_idempotent(error)
            return judged._replace(repeatable=judged.repeatable and tries < last)

        answer = await self._answered(destination.guard.call(attempt, judge, first=request.attempt), request.spec)
        if isinstance(answer, ToolError):
            raise answer
        return answer

    async def _answered(self, guarded: Awaitable[JSON | ToolError], spec: ToolSpec) -> JSON | ToolError:
        """What became of it. The guard has tried again as often as it may: nobody else does."""
        try:
            return await guarded
        except _RefusedError as exc:
            return exc.shown
        except ServiceUnavailableError as exc:
            raise ToolExecutionError(exc.message, code=exc.code) from exc
        except ServiceError as exc:
            kind = UnansweredToolError if spec.policy.effects == "once" else ToolExecutionError
            raise kind(exc.message, code=exc.code) from exc

    async def _exchange(self, request: Request) -> JSON | ToolError:
        """One try. A refusal that asks for another one is raised: it is the guard's."""
        async with self._transport.send(request) as response:
            try:
                return await read_reply(response)
            except ToolError as shown:
                if not invites_retry(response.status):
                    return shown
                advice = retry_after(response.headers, self._clock.now())
                raise _RefusedError(shown, response.status, advice) from shown

    def _request(self, call: CallRequest, timeouts: Timeouts) -> Request:
        prepared = prepare(self._operation, self._base, call.arguments)
        headers = {**_HEADERS, **prepared.headers}
        if call.spec.policy.effects != "none":
            headers["Idempotency-Key"] = call.idempotency_key
        if self._credential is not None:
            mine = self._credential.header.lower()
            headers = {name: value for name, value in headers.items() if name.lower() != mine}
            headers[self._credential.header] = self._credential.value
        return Request(self._operation.method, prepared.url, headers, prepared.body, timeouts)


class _RefusedError(RefusedError):
    """Keeps what the model reads of it."""

    def __init__(self, shown: ToolError, status: int, advice: float | None) -> None:
        super().__init__(shown.message, retry_after=advice, status=status)
        self.shown = shown


def _retries(spec: ToolSpec, of_service: int) -> int:
    return of_service if spec.policy.retries is None else min(spec.policy.retries, of_service)
