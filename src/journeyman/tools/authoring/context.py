"""What a tool may ask of the run it belongs to: one class for `async def`, one for plain `def`."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable
from typing import Literal, Protocol

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import ToolExecutionError
from journeyman.events.merge_patch import merge_patch
from journeyman.events.messages import JSON
from journeyman.tools.authoring.http import BlockingHttp, Http
from journeyman.tools.results import plain_json
from journeyman.tools.spec import CallRequest, Question, ToolHost

_log = logging.getLogger("journeyman.tool")

LONGEST_DEADLINE = 366 * 24 * 3600.0  # seconds

Scope = Literal["thread", "global"]
Fetch = Callable[[HttpRequest], HttpReply]
Change = Callable[[Scope, dict[str, JSON]], None]
Ask = Callable[[Question], str]


def _question(text: str, deadline_seconds: float | None, default: str | None) -> Question:
    if not isinstance(text, str) or not text.strip():
        raise ToolExecutionError("ctx.ask needs a question: a text", code="ask_refused")
    if deadline_seconds is not None and not 0 < deadline_seconds <= LONGEST_DEADLINE:
        raise ToolExecutionError("deadline_seconds of ctx.ask is more than 0, at most a year", code="ask_refused")
    if default is not None and deadline_seconds is None:
        raise ToolExecutionError("a default of ctx.ask needs deadline_seconds", code="ask_refused")
    return Question(text=text, deadline_seconds=deadline_seconds, default=default)


def _shown(value: str | float) -> str | float:
    return value if isinstance(value, int | float) and math.isfinite(value) else str(value)


class Contexts(Protocol):
    """Something that holds both contexts as they were when it began: a call, a run's state."""

    @property
    def thread_context(self) -> dict[str, JSON]: ...

    @property
    def global_context(self) -> dict[str, JSON]: ...


class ContextHost(Protocol):
    """Records a change of a context."""

    async def change_context(self, scope: Scope, patch: dict[str, JSON]) -> None: ...


class _View:
    """The two contexts as the call sees them: a copy of its own, with its own patches applied."""

    def __init__(self, request: Contexts) -> None:
        self._given: dict[Scope, dict[str, JSON]] = {
            "thread": request.thread_context,
            "global": request.global_context,
        }
        self._own: dict[Scope, dict[str, JSON]] = {}

    @property
    def thread(self) -> dict[str, JSON]:
        """The thread's context. Changing this copy changes nothing: use `patch`."""
        return self._read("thread")

    @property
    def global_(self) -> dict[str, JSON]:
        """The principal's context across threads. Changing this copy changes nothing: use `patch`."""
        return self._read("global")

    def _read(self, scope: Scope) -> dict[str, JSON]:
        if scope not in self._own:
            self._own[scope] = copy.deepcopy(self._given[scope])
        return self._own[scope]

    def _apply(self, scope: Scope, patch: dict[str, JSON]) -> None:
        self._own[scope] = merge_patch(self._read(scope), patch)


class Context(_View):
    """Thread and global context of an `async def` tool, or of a node's code."""

    def __init__(self, request: Contexts, host: ContextHost) -> None:
        super().__init__(request)
        self._host = host

    async def patch(self, *, thread: dict[str, JSON] | None = None, global_: dict[str, JSON] | None = None) -> None:
        """Record JSON Merge Patches: a key set to None is removed."""
        if thread is not None:
            await self._change("thread", thread)
        if global_ is not None:
            await self._change("global", global_)

    async def _change(self, scope: Scope, patch: dict[str, JSON]) -> None:
        data = plain_json(patch)
        await self._host.change_context(scope, data)
        self._apply(scope, data)


class BlockingContext(_View):
    """Thread and global context of a plain `def` tool."""

    def __init__(self, request: CallRequest, change: Change) -> None:
        super().__init__(request)
        self._change = change

    def patch(self, *, thread: dict[str, JSON] | None = None, global_: dict[str, JSON] | None = None) -> None:
        """Record JSON Merge Patches: a key set to None is removed. Returns when they are recorded."""
        if thread is not None:
            self._record("thread", thread)
        if global_ is not None:
            self._record("global", global_)

    def _record(self, scope: Scope, patch: dict[str, JSON]) -> None:
        data = plain_json(patch)
        self._change(scope, data)
        self._apply(scope, data)


class _CallFacts:
    """What both kinds of context know."""

    def __init__(self, request: CallRequest) -> None:
        self._request = request

    @property
    def idempotency_key(self) -> str:
        """The same for every try of this call, also after a crash: hand it to the service that does the effect."""
        return self._request.idempotency_key

    @property
    def run_id(self) -> str:
        return self._request.run_id

    @property
    def thread_id(self) -> str:
        return self._request.thread_id

    @property
    def principal(self) -> str:
        """Who is calling; `local` where authentication is off."""
        return self._request.principal

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A standard logger whose records carry the run, the call and the tool."""
        request = self._request
        return logging.LoggerAdapter(_log, {"run_id": request.run_id, "call": request.call, "tool": request.spec.name})


class ToolContext(_CallFacts):
    """For `async def` tools: its methods are awaited."""

    def __init__(self, request: CallRequest, host: ToolHost) -> None:
        super().__init__(request)
        self._host = host
        self._context: Context | None = None
        self._http: Http | None = None

    @property
    def http(self) -> Http:
        """Requests behind the service's guard: pooled, retried by the tool's effects, to allowed hosts only."""
        if self._http is None:
            self._http = Http(self._request, self._host.http)
        return self._http

    @property
    def context(self) -> Context:
        if self._context is None:
            self._context = Context(self._request, self._host)
        return self._context

    async def progress(self, value: str | float) -> None:
        """Show a text, or a fraction from 0 to 1, to whoever watches the run; never stored."""
        self._host.progress(_shown(value))

    async def ask(self, question: str, *, deadline_seconds: float | None = None, default: str | None = None) -> str:
        """A human's answer. The first time the call ends here, by an exception that is no Exception; after the answer
        the tool runs again from the top, and this returns. `default` is the answer if none came in time.

        Not for tools with effects `once` (ToolExecutionError `ask_refused`): they use `approval`.
        """
        return await self._host.ask(_question(question, deadline_seconds, default))


class BlockingToolContext(_CallFacts):
    """For plain `def` tools, which run in a worker process: its methods block."""

    def __init__(
        self, request: CallRequest, change: Change, progress: Callable[[str | float], None], fetch: Fetch, ask: Ask
    ) -> None:
        super().__init__(request)
        self._ask = ask
        self._progress = progress
        self.http = BlockingHttp(request, fetch)
        self.context = BlockingContext(request, change)

    def progress(self, value: str | float) -> None:
        """Show a text, or a fraction from 0 to 1, to whoever watches the run; never stored."""
        self._progress(_shown(value))

    def ask(self, question: str, *, deadline_seconds: float | None = None, default: str | None = None) -> str:
        """A human's answer. The first time the call ends here, by an exception that is no Exception; after the answer
        the tool runs again from the top, and this returns. `default` is the answer if none came in time.

        Not for tools with effects `once` (ToolExecutionError `ask_refused`): they use `approval`.
        """
        return self._ask(_question(question, deadline_seconds, default))
