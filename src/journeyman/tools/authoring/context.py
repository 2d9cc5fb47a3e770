"""The context of a tool call: `ToolContext` for `async def` tools, `BlockingToolContext` for plain `def` ones."""

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
from journeyman.events.server_context import client_part, has_server_keys, server_part, stored_patch
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


def _progress_value(value: str | float) -> str | float:
    """Return a finite number as it is, anything else as text."""
    return value if isinstance(value, int | float) and math.isfinite(value) else str(value)


class Contexts(Protocol):
    """The thread and global context as they were at the start of a call or a run."""

    @property
    def thread_context(self) -> dict[str, JSON]:
        """The thread's context."""
        ...

    @property
    def global_context(self) -> dict[str, JSON]:
        """The principal's context across threads."""
        ...


class ContextHost(Protocol):
    """The port that records changes of a context."""

    async def change_context(self, scope: Scope, patch: dict[str, JSON]) -> None:
        """Record a JSON Merge Patch."""
        ...


def _patches_of_thread(thread: dict[str, JSON] | None, server: dict[str, JSON] | None) -> list[dict[str, JSON]]:
    """Return the patches of the thread's stored context. `thread` may come from a model: it has no server keys."""
    if thread is not None and has_server_keys(map(str, thread)):
        text = "a key of the thread's context cannot begin with `$server.`: use ctx.context.patch(server=...)"
        raise ToolExecutionError(text, code="context_refused")
    return [patch for patch in (thread, None if server is None else stored_patch(server)) if patch is not None]


class _View:
    """A call's copy of the two contexts, to which its own patches are applied."""

    def __init__(self, request: Contexts) -> None:
        self._given: dict[Scope, dict[str, JSON]] = {
            "thread": request.thread_context,
            "global": request.global_context,
        }
        self._own: dict[Scope, dict[str, JSON]] = {}

    @property
    def thread(self) -> dict[str, JSON]:
        """The thread's context. Changing this copy changes nothing: use `patch`."""
        context = self._read("thread")
        return client_part(context) if has_server_keys(context) else context

    @property
    def server(self) -> dict[str, JSON]:
        """The thread's context that only tools and nodes write. Changing this copy changes nothing: use `patch`."""
        return server_part(self._read("thread"))

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
    """The thread and global context of an `async def` tool, or of a node's code."""

    def __init__(self, request: Contexts, host: ContextHost) -> None:
        super().__init__(request)
        self._host = host

    async def patch(
        self,
        *,
        thread: dict[str, JSON] | None = None,
        global_: dict[str, JSON] | None = None,
        server: dict[str, JSON] | None = None,
    ) -> None:
        """Record JSON Merge Patches; a key that is set to None is removed. Returns when they are recorded."""
        for part in _patches_of_thread(thread, server):
            await self._change("thread", part)
        if global_ is not None:
            await self._change("global", global_)

    async def _change(self, scope: Scope, patch: dict[str, JSON]) -> None:
        data = plain_json(patch)
        await self._host.change_context(scope, data)
        self._apply(scope, data)


class BlockingContext(_View):
    """The thread and global context of a plain `def` tool."""

    def __init__(self, request: CallRequest, change: Change) -> None:
        super().__init__(request)
        self._change = change

    def patch(
        self,
        *,
        thread: dict[str, JSON] | None = None,
        global_: dict[str, JSON] | None = None,
        server: dict[str, JSON] | None = None,
    ) -> None:
        """Record JSON Merge Patches; a key that is set to None is removed. Returns when they are recorded."""
        for part in _patches_of_thread(thread, server):
            self._record("thread", part)
        if global_ is not None:
            self._record("global", global_)

    def _record(self, scope: Scope, patch: dict[str, JSON]) -> None:
        data = plain_json(patch)
        self._change(scope, data)
        self._apply(scope, data)


class _CallFacts:
    """What both kinds of tool context tell about the call."""

    def __init__(self, request: CallRequest) -> None:
        self._request = request

    @property
    def idempotency_key(self) -> str:
        """A key that is the same for every try of this call, also after a crash. Pass it to services with effects."""
        return self._request.idempotency_key

    @property
    def run_id(self) -> str:
        """The id of the run that the call belongs to."""
        return self._request.run_id

    @property
    def thread_id(self) -> str:
        """The id of the run's thread."""
        return self._request.thread_id

    @property
    def principal(self) -> str:
        """The principal that started the run; `local` if authentication is off."""
        return self._request.principal

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A standard logger whose records carry the run, the call and the tool."""
        request = self._request
        return logging.LoggerAdapter(_log, {"run_id": request.run_id, "call": request.call, "tool": request.spec.name})


class ToolContext(_CallFacts):
    """The context of an `async def` tool: its methods are awaited."""

    def __init__(self, request: CallRequest, host: ToolHost) -> None:
        super().__init__(request)
        self._host = host
        self._context: Context | None = None
        self._http: Http | None = None

    @property
    def http(self) -> Http:
        """The HTTP client of the call: pooled, with retries as the tool's effects allow, for permitted hosts only."""
        if self._http is None:
            self._http = Http(self._request, self._host.http)
        return self._http

    @property
    def context(self) -> Context:
        """The thread and global context."""
        if self._context is None:
            self._context = Context(self._request, self._host)
        return self._context

    async def progress(self, value: str | float) -> None:
        """Show a text, or a fraction from 0 to 1, to clients that follow the run. It is not stored."""
        self._host.progress(_progress_value(value))

    async def ask(self, question: str, *, deadline_seconds: float | None = None, default: str | None = None) -> str:
        """Ask a human and return the answer; `default` is the answer if there is none after `deadline_seconds`.

        As long as there is no answer, this ends the call by a BaseException. When the answer has come, the tool runs
        again from the top, and this returns it.

        Raises ToolExecutionError (`ask_refused`) in tools with effects `once`, which use `approval` instead.
        """
        return await self._host.ask(_question(question, deadline_seconds, default))


class BlockingToolContext(_CallFacts):
    """The context of a plain `def` tool, which runs in a worker process: its methods block."""

    def __init__(
        self, request: CallRequest, change: Change, progress: Callable[[str | float], None], fetch: Fetch, ask: Ask
    ) -> None:
        super().__init__(request)
        self._ask = ask
        self._progress = progress
        self.http = BlockingHttp(request, fetch)
        self.context = BlockingContext(request, change)

    def progress(self, value: str | float) -> None:
        """Show a text, or a fraction from 0 to 1, to clients that follow the run. It is not stored."""
        self._progress(_progress_value(value))

    def ask(self, question: str, *, deadline_seconds: float | None = None, default: str | None = None) -> str:
        """Ask a human and return the answer; `default` is the answer if there is none after `deadline_seconds`.

        As long as there is no answer, this ends the call by a BaseException. When the answer has come, the tool runs
        again from the top, and this returns it.

        Raises ToolExecutionError (`ask_refused`) in tools with effects `once`, which use `approval` instead.
        """
        return self._ask(_question(question, deadline_seconds, default))
