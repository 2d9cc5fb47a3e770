"""A tool made of an operation, and its call over the one way out."""

from __future__ import annotations

import msgspec

from journeyman.egress.transport import Request, Timeouts, Transport
from journeyman.errors import ServiceError, ServiceUnavailableError
from journeyman.events.messages import JSON
from journeyman.tools.arguments import SchemaCheck
from journeyman.tools.failures import TransientToolError, UnansweredToolError
from journeyman.tools.openapi.call import prepare
from journeyman.tools.openapi.operation import Operation
from journeyman.tools.openapi.reply import read_reply
from journeyman.tools.registry import RegisteredTool
from journeyman.tools.spec import CallHost, CallRequest, ToolSpec

_DAY = 86_400.0
# The executor's time limit is the bound of a try: the transport's are none of their own.
_TIMEOUTS = Timeouts(connect=10.0, first_byte=_DAY, idle=_DAY, total=_DAY)
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

    def registered(self, transport: Transport) -> RegisteredTool:
        check = SchemaCheck(self.spec.parameters)
        return RegisteredTool(spec=self.spec, check=check, invoker=OpenApiInvoker(self, transport))


class OpenApiInvoker:
    """Makes a call an HTTP request, and its answer the result."""

    def __init__(self, tool: OpenApiTool, transport: Transport) -> None:
        self._operation = tool.operation
        self._base = tool.base
        self._credential = tool.credential
        self._transport = transport

    async def invoke(self, request: CallRequest, host: CallHost) -> JSON:
        """The answer: JSON data, or text.

        Raises:
            ToolExecutionError: `http_error` (not 2xx) or the transport's code.
            ToolValidationError: `invalid_arguments`: a value that a URL or a header cannot carry.
        """
        return await self._exchange(self._request(request), request.spec)

    async def _exchange(self, request: Request, spec: ToolSpec) -> JSON:
        """The one place where an operation leaves the process: what guards a service stands here, or in `transport`."""
        try:
            async with self._transport.send(request) as response:
                return await read_reply(response, spec)
        except ServiceUnavailableError as exc:
            raise TransientToolError(exc.message, code=exc.code) from exc
        except ServiceError as exc:
            raise UnansweredToolError(exc.message, code=exc.code) from exc

    def _request(self, call: CallRequest) -> Request:
        prepared = prepare(self._operation, self._base, call.arguments)
        headers = {**_HEADERS, **prepared.headers}
        if call.spec.effects != "none":
            headers["Idempotency-Key"] = call.idempotency_key
        if self._credential is not None:
            mine = self._credential.header.lower()
            headers = {name: value for name, value in headers.items() if name.lower() != mine}
            headers[self._credential.header] = self._credential.value
        return Request(self._operation.method, prepared.url, headers, prepared.body, _TIMEOUTS)
