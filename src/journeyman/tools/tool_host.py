"""The host of a tool call: what its code may ask of its run and of the network."""

from __future__ import annotations

from typing import Literal, Protocol

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.tools.call_bounds import CallAllowance, CallBounds
from journeyman.tools.spec import CallHost, CallRequest, Question, Unanswered


class HttpSender(Protocol):
    """The port to the HTTP client for tools, `egress.client.HttpClient`."""

    async def send(self, request: HttpRequest, *, idempotent: bool, hosts: tuple[str, ...] | None = None) -> HttpReply:
        """Send a request and return the reply. `idempotent`: it may be repeated; `hosts`: the allowed ones, or None."""
        ...


class RunToolHost:
    """The `ToolHost` of one call: the host of its run, and HTTP within the tool's effects and permissions.

    `started` counts the tries, also those that an invoker makes itself behind a guard.
    """

    __slots__ = ("_allowance", "_first", "_host", "_http", "_spec", "question", "started")

    def __init__(
        self, host: CallHost, request: CallRequest, http: HttpSender | None, bounds: CallBounds = CallBounds()
    ) -> None:
        self._host = host
        self._spec = request.spec
        self._http = http
        self._allowance = CallAllowance(bounds, request)
        self._first = request.attempt
        self.started = 0
        self.question: Question | None = None  # the first one without an answer, even if the code went on

    async def starting(self, attempt: int) -> None:
        """Have the run record the start of a try, and count it."""
        await self._host.starting(attempt)
        self.started = attempt - self._first + 1

    def progress(self, value: str | float) -> None:
        """Show progress to clients that follow the run, unless the call has reported too often."""
        if self._allowance.report():
            self._host.progress(value)

    def may_log(self) -> bool:
        """Return whether the call may log another line."""
        return self._allowance.log_line()

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Record a JSON Merge Patch of a context. Raises ToolExecutionError (`tool_limit`) after too many."""
        self._allowance.patch(patch)
        await self._host.change_context(scope, patch)

    async def ask(self, question: Question) -> str:
        """Return a human's answer.

        Raises Unanswered if there is none yet, ToolExecutionError (`ask_refused`) if the tool must not run twice.
        """
        if self._spec.policy.effects == "once":
            text = f"{self._spec.name} has effects: once and cannot ask: it would run again from the top; use approval"
            raise ToolExecutionError(text, code="ask_refused")
        try:
            return await self._host.ask(question)
        except Unanswered:
            self.question = self.question or question
            raise

    async def http(self, request: HttpRequest) -> HttpReply:
        """Make an HTTP request to a permitted host. Raises ServiceError."""
        if self._http is None:
            raise ToolExecutionError("there is no HTTP for tools here: give the executor a client")
        effects = self._spec.policy.effects
        idempotent = effects == "none" or (effects == "idempotent" and "idempotency-key" in request.headers)
        return await self._http.send(request, idempotent=idempotent, hosts=self._spec.policy.permissions.network)
