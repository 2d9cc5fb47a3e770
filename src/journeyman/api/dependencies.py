"""What the faces are given: use cases, lists and limits. Built by the composition root, never fetched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from starlette.routing import BaseRoute

from journeyman.api.security.rate_limiting import RateLimiter
from journeyman.auth.api_keys import ApiKeys
from journeyman.auth.authenticator import Authenticator
from journeyman.clock import Clock, SystemClock
from journeyman.errors import StateError
from journeyman.events.messages import JSON
from journeyman.ids import Ids, RandomIds
from journeyman.journal.journal import Size
from journeyman.runtime.retention import Keep
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.reload_report import AgentChange, ReloadReport
from journeyman.runtime.use_cases.forks import Forks
from journeyman.runtime.use_cases.runs import Runs
from journeyman.runtime.use_cases.threads import Threads
from journeyman.telemetry.metrics.recorders import RequestServed
from journeyman.tools.lint.checks import LintFinding
from journeyman.tools.spec import ToolSpec


class ListedTool(Protocol):
    """A registered tool as the faces see it."""

    @property
    def spec(self) -> ToolSpec: ...

    @property
    def findings(self) -> tuple[LintFinding, ...]:
        """Of the static check."""
        ...


class ListedTools(Protocol):
    """The tools of this server, by name."""

    @property
    def tools(self) -> Mapping[str, ListedTool]: ...

    def get_metrics(self) -> Mapping[str, Mapping[str, JSON]]:
        """Tool name -> its figures."""
        ...


class DebugPagesPort(Protocol):
    """How the process stands inside: JSON, secrets masked."""

    def state(self) -> msgspec.Raw: ...

    def services(self) -> msgspec.Raw: ...

    def tasks(self) -> msgspec.Raw: ...


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Bounds that hold before anything of a request reaches a model. Seconds, bytes, counts."""

    body_bytes: int = 1 << 20  # on the wire
    body_idle_seconds: float = 5.0  # between two chunks
    body_total_seconds: float = 30.0
    json_depth: int = 64
    json_nodes: int = 50_000
    string_chars: int = 512 * 1024
    ping_seconds: float = 15.0  # silence on a stream before a comment is sent
    send_seconds: float = 30.0  # how long a client may refuse to read
    socket_frame_bytes: int = 64 * 1024
    socket_commands: int = 32  # of one WebSocket, under way at once
    socket_runs: int = 64  # watched by one WebSocket at once
    socket_auth_seconds: float = 5.0  # until a WebSocket must have said who it is
    credential_check_seconds: float = 5.0  # how often that of an open socket or stream is looked at again


async def nothing_cached(tool: str) -> int:
    """For a server without a cache."""
    return 0


def _untold(fact: RequestServed) -> None:
    pass


async def _no_metrics(accept: str) -> tuple[bytes, str]:
    return b"", "text/plain; charset=utf-8"


async def nothing_erased(keep: Keep) -> tuple[int, Size]:
    """For a server that keeps everything."""
    return 0, Size(0, 0)


async def nothing_reloaded() -> ReloadReport:
    """For agents that come from no files."""
    raise StateError("These agents were given by the program: there is nothing to reload.", code="no_files")


async def nothing_rolled_back(agent: str, version: str | None) -> AgentChange:
    """The same."""
    raise StateError("These agents were given by the program: there are no versions.", code="no_files")


def _unknown(_: ToolSpec) -> Mapping[str, JSON]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    """Everything that the API needs. `ready` gives the reasons why not: empty means ready.

    `details` and `sandbox` tell what confines workers, of all and of one tool. `served` is told of each answer;
    `metrics` gives body and content type for an Accept header."""

    runs: Runs
    forks: Forks
    threads: Threads
    catalog: AgentRegistry
    registry: ListedTools
    clear_cache: Callable[[str], Awaitable[int]] = nothing_cached  # a tool's name -> how many answers were forgotten
    prune: Callable[[Keep], Awaitable[tuple[int, Size]]] = nothing_erased  # threads erased, and what is left
    reload: Callable[[], Awaitable[ReloadReport]] = nothing_reloaded
    last_reload: Callable[[], ReloadReport | None] = lambda: None
    roll_back: Callable[[str, str | None], Awaitable[AgentChange]] = nothing_rolled_back
    ready: Callable[[], Mapping[str, object]] = dict
    details: Callable[[], Mapping[str, object]] = dict
    sandbox: Callable[[ToolSpec], Mapping[str, JSON]] = _unknown
    served: Callable[[RequestServed], None] = _untold
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]] = _no_metrics
    authenticator: Authenticator | None = None  # None: nobody is asked who they are, everybody is `local`
    keys: ApiKeys | None = None
    admission: RateLimiter | None = None  # None: requests are not counted
    mask: Callable[[str], str] = str  # takes secrets out of a sentence that was made of what a caller sent
    traced: bool = False  # give a trace to requests that bring none
    debug: DebugPagesPort | None = None  # None: there are no such routes
    version: str = "0"
    request_wait_seconds: float = 120.0
    allowed_hosts: Sequence[str] = ()  # beside the loopback names; "*.example.com" and "*" are understood
    cors_origins: Sequence[str] = ()
    trusted_proxies: Sequence[str] = ()  # whose X-Forwarded-For is believed
    root_path: str = ""
    limits: RequestLimits = RequestLimits()
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    pages: Sequence[BaseRoute] = ()  # the web page and the docs
