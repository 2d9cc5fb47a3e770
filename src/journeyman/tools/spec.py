"""What a tool is to the rest of Journeyman: a frozen spec, and an invoker that runs it. Never a bare function."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.events.events import Answerer, Failure
from journeyman.events.messages import JSON
from journeyman.tools.permissions import Permissions, ProcessLimits

Effects = Literal["none", "idempotent", "once"]
OnUnknown = Literal["ask", "tell"]
Isolation = Literal["inline", "process"]
CacheTtl = float | Literal["default"]  # seconds; 0: not cached; default: CACHE_TTL
CacheScope = Literal["principal", "agent", "shared"]  # whose calls share an answer
Sandbox = Literal["off", "best", "strict"]

OUTPUT_CAP = 64 * 1024  # characters of a result; over it the text is cut with a mark


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's schema and policy, resolved: what the code says, then what the agent file overrides."""

    name: str
    description: str
    parameters: dict[str, JSON]  # JSON Schema, type object
    effects: Effects = "once"
    declared: bool = False  # False: nobody said what it does, so it counts as once, and on_unknown is tell
    on_unknown: OnUnknown = "tell"
    approval: str = "never"  # never | always | a CEL condition over args, context and tool
    approval_by: Answerer = "anyone"  # other: not the principal whose run asks
    approval_seconds: float | None = None  # how long it waits for an answer; then `approval_default` is the answer
    approval_default: Literal["approve", "deny"] = "deny"
    timeout_seconds: float | None = None  # of one attempt, in all; None: TIMEOUT_SECONDS
    retries: int | None = None  # after the first try; None: MAX_RETRIES; only for effects none and idempotent
    isolation: Isolation = "inline"
    output_cap: int = OUTPUT_CAP
    sensitive: tuple[str, ...] = ()  # arguments masked wherever people look
    source: str = ""  # file:line, for people
    code_hash: str = ""  # of the file that defines it, and of what that imports out of the tools folder
    rate_limit: str | None = None  # calls started in a time, over all runs: "10/second"
    sandbox: Sandbox = "best"  # what its worker process must have; inline tools have none
    limits: ProcessLimits = ProcessLimits()  # of its worker process
    permissions_network: tuple[str, ...] | None = None  # hosts that it may reach; None: not declared
    permissions_files: tuple[str, ...] | None = None  # paths that it may read and write; None: not declared
    permissions_env: tuple[str, ...] = ()  # variables of the server that it may see
    cache_ttl: CacheTtl = 0.0
    cache_scope: CacheScope = "principal"

    @property
    def permissions(self) -> Permissions:
        return Permissions(network=self.permissions_network, files=self.permissions_files, env=self.permissions_env)

    @property
    def cacheable(self) -> bool:
        """Whether an answer may be kept: it changes nothing, and somebody said for how long."""
        return self.effects == "none" and self.cache_ttl != 0

    @property
    def waits(self) -> bool:
        """Whether a call may wait, or end, before it starts: for a worker's slot, or by an answer from the cache."""
        return self.isolation == "process" or self.cacheable


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a call's code asks a human. Unanswered after `deadline_seconds`, `default` is the answer (None: no answer,
    the call is refused)."""

    text: str
    deadline_seconds: float | None = None
    default: str | None = None


class Unanswered(BaseException):
    """A human is to be asked first: the call ends here, and runs again from the top once there is an answer.

    No Exception, so that a tool's `except Exception` does not stop it.
    """


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call, ready to be executed: its arguments passed validation, its approval was given."""

    spec: ToolSpec
    arguments: dict[str, JSON]
    call: str  # the step's name in its run, "m2.0"
    run_id: str
    thread_id: str
    principal: str
    idempotency_key: str
    agent: str = ""
    attempt: int = 1  # of the first try of this execution: more than 1 after a crash
    thread_context: dict[str, JSON] = {}
    global_context: dict[str, JSON] = {}


class CallHost(Protocol):
    """What a call may ask of the run it belongs to. Implemented by the runtime."""

    async def starting(self, attempt: int) -> None:
        """The try is about to run: returns when that is recorded, and durable where the effects need it."""
        ...

    def progress(self, value: str | float) -> None:
        """Show progress to whoever watches; never stored, never blocks."""
        ...

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Record a JSON Merge Patch of the thread's or the principal's context."""
        ...

    async def ask(self, question: Question) -> str:
        """The answer that a human gave to this question of the call. Raises Unanswered if there is none yet."""
        ...


class ToolHost(CallHost, Protocol):
    """What a call's code may ask for: what its run gives, and the network. Made by the executor."""

    async def http(self, request: HttpRequest) -> HttpReply:
        """A request behind the guard of its service, within the tool's permissions. Raises ServiceError."""
        ...


class ToolOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended. Exactly one of `result` and `failure` is given, unless `unknown` or `question`.

    `unknown`: it may or may not have happened (a `once` call that timed out or whose process died): `failure` says
    how, and the run asks or tells by the spec's `on_unknown`. `question`: it did not end; a human is to be asked, and
    then it runs again.
    """

    result: str | None = None
    failure: Failure | None = None
    unknown: bool = False
    duration_ms: float = 0.0
    attempts: int = 1
    cached: bool = False
    question: Question | None = None


class Invoker(Protocol):
    """Runs a tool's code: on the event loop, or in a worker process."""

    async def invoke(self, request: CallRequest, host: ToolHost) -> JSON:
        """The tool's return value as plain JSON data.

        Raises ToolExecutionError (the tool failed, `tool_crashed` when its process died), TimeoutError is the
        executor's; ToolRetry passes through. Cancellation stops the code, killing its process where it has one.
        """
        ...
