"""What a call's code may ask of its surroundings: of its run, and of the network."""

from __future__ import annotations

from typing import Literal, Protocol

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.tools.spec import CallHost, CallRequest, Question, Unanswered


class HttpSender(Protocol):
    """The way out for tools; `egress.client.HttpClient` is one."""

    async def send(
        self, request: HttpRequest, *, idempotent: bool, hosts: tuple[str, ...] | None = None
    ) -> HttpReply: ...


class RunToolHost:
    """A `ToolHost`: the run's own host, and requests by the tool's effects and permissions.

    `started` counts the tries, those included that an invoker makes behind a guard of its own.
    """

    __slots__ = ("_first", "_host", "_http", "_spec", "question", "started")

    def __init__(self, host: CallHost, request: CallRequest, http: HttpSender | None) -> None:
        self._host = host
        self._spec = request.spec
        self._http = http
        self._first = request.attempt
        self.started = 0
        self.question: Question | None = None  # that the call ended with: whatever its code made of that

    async def starting(self, attempt: int) -> None:
        await self._host.starting(attempt)
        self.started = attempt - self._first + 1

    def progress(self, value: str | float) -> None:
        self._host.progress(value)

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        await self._host.change_context(scope, patch)

    async def ask(self, question: Question) -> str:
        """Raises Unanswered, and ToolExecutionError (`ask_refused`) for a tool that must not run twice."""
        if self._spec.policy.effects == "once":
            text = f"{self._spec.name} has effects: once and cannot ask: it would run again from the top; use approval"
            raise ToolExecutionError(text, code="ask_refused")
        try:
            return await self._host.ask(question)
        except Unanswered:
            self.question = self.question or question
            raise

    async def http(self, request: HttpRequest) -> HttpReply:
        if self._http is None:
            raise ToolExecutionError("there is no HTTP for tools here: give the executor a client")
        effects = self._spec.policy.effects
        idempotent = effects == "none" or (effects == "idempotent" and "idempotency-key" in request.headers)
        return await self._http.send(request, idempotent=idempotent, hosts=self._spec.policy.permissions.network)
