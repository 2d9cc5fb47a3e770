"""A tool made of an OpenAPI operation, and the invoker that makes its calls as HTTP requests."""

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
from journeyman.tools.openapi.credential import Credential, headers_with, url_with
from journeyman.tools.openapi.operation import Operation
from journeyman.tools.openapi.reply import read_reply
from journeyman.tools.registry import RegisteredTool
from journeyman.tools.schema.arguments import SchemaCheck
from journeyman.tools.spec import CallHost, CallRequest, ToolSpec

_DAY = 86_400.0
# If no service is configured for the origin, only the executor limits the time of a call.
_UNBOUNDED = Timeouts(connect=10.0, first_byte=_DAY, idle=_DAY, total=_DAY)
_HEADERS = {"Accept": "application/json, */*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "journeyman"}


class OpenApiTool(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of one API, ready to be registered."""

    spec: ToolSpec
    operation: Operation
    base: str  # scheme://host[:port][/path]
    credentials: tuple[Credential, ...] = ()

    def registered(self, transport: Transport, services: Services, clock: Clock) -> RegisteredTool:
        """Return the tool with its check and invoker, for the registry."""
        check = SchemaCheck(self.spec.parameters)
        return RegisteredTool(spec=self.spec, check=check, invoker=OpenApiInvoker(self, transport, services, clock))


class OpenApiInvoker:
    """Makes calls as HTTP requests behind the guard of their origin. A `spec.Invoker`."""

    def __init__(self, tool: OpenApiTool, transport: Transport, services: Services, clock: Clock) -> None:
        self._operation = tool.operation
        self._base = tool.base
        self._credentials = tool.credentials
        self._transport = transport
        self._services = services
        self._clock = clock

    async def invoke(self, request: CallRequest, host: CallHost) -> JSON:
        """Make the request and return the answer as JSON data or text. `host` records each retry before it is made.

        Raises:
            ToolExecutionError: `http_error` (a status other than 2xx), or the code of the guard or the transport.
            ToolValidationError: `invalid_arguments`: a URL or a header cannot hold one of the values.
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

        def classify(error: ServiceError) -> ErrorClass:
            kind = classify_non_idempotent(error) if once else classify_idempotent(error)
            return kind._replace(repeatable=kind.repeatable and tries < last)

        answer = await self._answer(destination.guard.call(attempt, classify, first=request.attempt), request.spec)
        if isinstance(answer, ToolError):
            raise answer
        return answer

    async def _answer(self, guarded: Awaitable[JSON | ToolError], spec: ToolSpec) -> JSON | ToolError:
        """Await the guarded call. Its errors become ones that the executor does not retry: the guard has done that."""
        try:
            return await guarded
        except _RetryableRefusalError as exc:
            return exc.error
        except ServiceUnavailableError as exc:
            raise ToolExecutionError(exc.message, code=exc.code) from exc
        except ServiceError as exc:
            kind = UnansweredToolError if spec.policy.effects == "once" else ToolExecutionError
            raise kind(exc.message, code=exc.code) from exc

    async def _exchange(self, request: Request) -> JSON | ToolError:
        """Make one try. An error status is returned, or raised if it invites a retry, so that the guard retries."""
        async with self._transport.send(request) as response:
            try:
                return await read_reply(response)
            except ToolError as error:
                if not invites_retry(response.status):
                    return error
                delay = retry_after(response.headers, self._clock.now())
                raise _RetryableRefusalError(error, response.status, delay) from error

    def _request(self, call: CallRequest, timeouts: Timeouts) -> Request:
        prepared = prepare(self._operation, self._base, call.arguments)
        headers = {**_HEADERS, **prepared.headers}
        if call.spec.policy.effects != "none":
            headers["Idempotency-Key"] = call.idempotency_key
        headers = headers_with(headers, self._credentials)
        url = url_with(prepared.url, self._credentials)
        return Request(self._operation.method, url, headers, prepared.body, timeouts)


class _RetryableRefusalError(RefusedError):
    """A status that invites a retry. `error`: what the model reads if there is none."""

    def __init__(self, error: ToolError, status: int, retry_after: float | None) -> None:
        super().__init__(error.message, retry_after=retry_after, status=status)
        self.error = error


def _retries(spec: ToolSpec, of_service: int) -> int:
    return of_service if spec.policy.retries is None else min(spec.policy.retries, of_service)
