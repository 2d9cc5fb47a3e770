"""ApiDependencies: the use cases, registries and limits that the API is built with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from starlette.routing import BaseRoute

from journeyman.agents.agent import BaseAgent
from journeyman.api.schemas.settings import SettingAnswer
from journeyman.api.security.body_bytes import MOST_BYTES
from journeyman.api.security.rate_limiting import RateLimiter
from journeyman.auth.api_keys import ApiKeys
from journeyman.auth.authenticator import Authenticator
from journeyman.clock import Clock, SystemClock
from journeyman.errors import NotFoundError, StateError
from journeyman.events.messages import JSON
from journeyman.files.store import FileStore
from journeyman.ids import Ids, RandomIds
from journeyman.journal.journal import Size
from journeyman.runtime.retention import Keep
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.reload_report import AgentChange, ReloadReport
from journeyman.runtime.use_cases.answered_approvals import ApprovalHistory
from journeyman.runtime.use_cases.conversations import Conversations
from journeyman.runtime.use_cases.forks import Forks
from journeyman.runtime.use_cases.held_runs import HeldRuns
from journeyman.runtime.use_cases.runs import Runs
from journeyman.runtime.use_cases.threads import Threads
from journeyman.runtime.use_cases.waiting_runs import WaitingRuns
from journeyman.telemetry.metrics.history import FigureHistory
from journeyman.telemetry.metrics.recorders import RequestServed
from journeyman.tools.lint.checks import LintFinding
from journeyman.tools.spec import ToolSpec


class ListedTool(Protocol):
    """A registered tool as the API sees it."""

    @property
    def spec(self) -> ToolSpec: ...

    @property
    def findings(self) -> tuple[LintFinding, ...]:
        """What the static check found in the tool's code."""
        ...


class ListedTools(Protocol):
    """The tools of this server, by name, with their metrics."""

    @property
    def tools(self) -> Mapping[str, ListedTool]: ...

    def get_metrics(self) -> Mapping[str, Mapping[str, JSON]]:
        """Return the metrics of each tool by its name."""
        ...


class DebugPagesPort(Protocol):
    """The debug pages: the inner state of the process as JSON, with secrets masked."""

    def state(self) -> msgspec.Raw: ...

    def services(self) -> msgspec.Raw: ...

    def tasks(self) -> msgspec.Raw: ...


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Bounds that apply before any part of a request reaches a model: seconds, bytes, counts."""

    body_bytes: int = 1 << 20  # on the wire; of a WebSocket message too
    first_message_bytes: int = 64 << 10  # of a WebSocket that is not authenticated yet
    body_idle_seconds: float = 5.0  # between two chunks
    body_total_seconds: float = 30.0
    upload_seconds: float = 600.0  # for the whole of a file
    json_depth: int = 64
    json_nodes: int = 50_000
    string_chars: int = 512 * 1024
    ping_seconds: float = 15.0  # of silence on a stream, until a comment is sent
    send_seconds: float = 30.0  # for which a client may read nothing
    socket_commands: int = 32  # that one WebSocket may run at the same time
    socket_runs: int = 64  # that one WebSocket may follow at the same time
    socket_auth_seconds: float = 5.0  # until a WebSocket must have authenticated
    credential_check_seconds: float = 5.0  # between checks of an open socket's or stream's credential


async def nothing_cached(tool: str) -> int:
    """Clear no cache: the server has none."""
    return 0


def _no_budgets(limit: int) -> Mapping[str, Mapping[str, float]]:
    return {}


def _ignore(fact: RequestServed) -> None:
    pass


async def _no_metrics(accept: str) -> tuple[bytes, str]:
    return b"", "text/plain; charset=utf-8"


async def nothing_erased(keep: Keep) -> tuple[int, Size]:
    """Erase no thread: the server keeps all of them."""
    return 0, Size(0, 0)


async def nothing_reloaded() -> ReloadReport:
    """Reject a reload: the agents were given by the program, not by files. Raises StateError (`no_files`)."""
    raise StateError("These agents were given by the program, so there are no files to reload.", code="no_files")


async def no_other_version(agent: str, version: str) -> BaseAgent:
    """Find no version: the program that gave the agents keeps none. Raises NotFoundError."""
    raise NotFoundError(f"Agent {agent!r} has no version {version!r} here.")


async def nothing_rolled_back(agent: str, version: str | None) -> AgentChange:
    """Reject a rollback: agents given by the program have no versions. Raises StateError (`no_files`)."""
    raise StateError("These agents were given by the program, so they have no versions.", code="no_files")


def _no_sandbox(_: ToolSpec) -> Mapping[str, JSON]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    """Everything that the API needs, built by the composition root.

    `not_ready` returns the reasons why the server is not ready, by name; empty if it is ready. `details` and `sandbox`
    describe how worker processes are confined, in general and for one tool. `on_served` is called after each answer.
    `metrics` returns the body and the content type for an Accept header.
    """

    runs: Runs
    forks: Forks
    conversations: Conversations
    threads: Threads
    files: FileStore
    waiting: WaitingRuns
    held: HeldRuns
    approval_history: ApprovalHistory
    agent_registry: AgentRegistry
    tool_registry: ListedTools
    clear_cache: Callable[[str], Awaitable[int]] = nothing_cached  # by tool name; returns how many results were removed
    prune: Callable[[Keep], Awaitable[tuple[int, Size]]] = nothing_erased  # returns how many were erased, and the rest
    reload: Callable[[], Awaitable[ReloadReport]] = nothing_reloaded
    last_reload: Callable[[], ReloadReport | None] = lambda: None
    figures: FigureHistory | None = None  # None: no figures are kept
    budgets: Callable[[int], Mapping[str, Mapping[str, float]]] = _no_budgets  # by name, up to a number of them
    settings: Callable[[], Sequence[SettingAnswer]] = tuple  # masked
    agent_version: Callable[[str, str], Awaitable[BaseAgent]] = no_other_version  # by name and version
    roll_back: Callable[[str, str | None], Awaitable[AgentChange]] = nothing_rolled_back
    not_ready: Callable[[], Mapping[str, object]] = dict
    details: Callable[[], Mapping[str, object]] = dict
    sandbox: Callable[[ToolSpec], Mapping[str, JSON]] = _no_sandbox
    tool_problems: Callable[[str], Sequence[str]] = lambda agent: ()  # by the agent's name
    on_served: Callable[[RequestServed], None] = _ignore
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]] = _no_metrics
    authenticator: Authenticator | None = None  # None: every caller on this machine is `local`, others are refused
    trust_host: bool = False  # another application decides who may call, as it does where it has mounted this one
    under_test: bool = False  # the names and the peer of test clients are accepted
    keys: ApiKeys | None = None
    rate_limiter: RateLimiter | None = None  # None: there are no rate limits
    mask: Callable[[str], str] = str  # masks secrets in a sentence that quotes what a caller sent
    start_traces: bool = False  # for requests without a `traceparent`
    debug: DebugPagesPort | None = None  # None: there are no debug routes
    version: str = "0"
    request_wait_seconds: float = 120.0
    allowed_hosts: Sequence[str] = ()  # besides the loopback names; "*.example.com" and "*" are patterns
    cors_origins: Sequence[str] = ()
    trusted_proxies: Sequence[str] = ()  # whose X-Forwarded-For is trusted
    root_path: str = ""
    limits: RequestLimits = RequestLimits()
    request_bytes: int = MOST_BYTES  # of large bodies of one principal that are not stored yet
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    pages: Sequence[BaseRoute] = ()  # the web page and the docs
