"""A tool as the rest of Journeyman sees it: a frozen spec with its policy, and an invoker that runs its code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.events.events import Answerer, Failure
from journeyman.events.messages import JSON, FilePart, ImagePart
from journeyman.tools.permissions import Permissions, ProcessLimits
from journeyman.tools.tool_file import ToolFile

Effects = Literal["none", "idempotent", "once"]
OnUnknown = Literal["ask", "tell"]
Isolation = Literal["inline", "process"]
CacheTtl = float | Literal["default"]  # seconds; 0: not cached; default: CACHE_TTL
CacheScope = Literal["principal", "agent", "shared"]  # whose calls share an answer
Sandbox = Literal["off", "best", "strict"]

OUTPUT_CAP = 64 * 1024  # characters of a result; a longer text is cut, with a note


class ApprovalPolicy(msgspec.Struct, frozen=True):
    """When a human is asked before a call, and who answers."""

    when: str = "never"  # never | always | a CEL condition over args, context, tool and principal
    by: Answerer = "anyone"  # other: not the principal whose run asks
    deadline_seconds: float | None = None  # after it `default` is the answer; None: the call waits for a human
    default: Literal["approve", "deny"] = "deny"

    @property
    def condition(self) -> str | None:
        """The CEL condition, or None if `when` is `never` or `always`."""
        return None if self.when in ("never", "always") else self.when


class ToolPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a tool may be used: what its code declares, restricted by the agent file."""

    effects: Effects = "once"
    declared: bool = False  # whether the author declared `effects`; if not, they count as once
    on_unknown: OnUnknown = "tell"
    approval: ApprovalPolicy = ApprovalPolicy()
    timeout_seconds: float | None = None  # of one attempt, in all; None: TIMEOUT_SECONDS
    retries: int | None = None  # after the first try; None: MAX_RETRIES; only for effects none and idempotent
    isolation: Isolation = "inline"
    output_cap: int = OUTPUT_CAP
    rate_limit: str | None = None  # over all runs: "10/second"
    sandbox: Sandbox = "best"  # what its worker process must have; inline tools have none
    limits: ProcessLimits = ProcessLimits()  # of its worker process
    permissions: Permissions = Permissions()
    cache_ttl: CacheTtl = 0.0
    cache_scope: CacheScope = "principal"

    @property
    def is_cacheable(self) -> bool:
        """Whether an answer may be kept: the tool has no effects, and a lifetime is set."""
        return self.effects == "none" and self.cache_ttl != 0

    @property
    def may_wait(self) -> bool:
        """Whether a call may wait for a worker, or be answered from the cache, before it starts."""
        return self.isolation == "process" or self.is_cacheable


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as an agent has it: its schema, and its policy after the overrides of the agent file."""

    name: str
    description: str
    parameters: dict[str, JSON]  # JSON Schema, type object
    sensitive: tuple[str, ...] = ()  # arguments that are masked wherever people look
    source: str = ""  # file:line, for people
    code_hash: str = ""  # of the file that defines it, and of what that imports out of the tools folder
    policy: ToolPolicy = ToolPolicy()

    def with_policy(self, **changes: Any) -> ToolSpec:
        """Return the spec with these fields of its policy changed."""
        return msgspec.structs.replace(self, policy=msgspec.structs.replace(self.policy, **changes))


class StoredTool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool in its stored form: flat, and with the keys and their order that release 0.1 wrote.

    The version of an agent is a hash of this form, so a key is never renamed, moved or left out.
    """

    name: str
    description: str
    parameters: dict[str, JSON]
    effects: Effects = "once"
    declared: bool = False
    on_unknown: OnUnknown = "tell"
    approval: str = "never"
    approval_by: Answerer = "anyone"
    approval_seconds: float | None = None
    approval_default: Literal["approve", "deny"] = "deny"
    timeout_seconds: float | None = None
    retries: int | None = None
    isolation: Isolation = "inline"
    output_cap: int = OUTPUT_CAP
    sensitive: tuple[str, ...] = ()
    source: str = ""
    code_hash: str = ""
    rate_limit: str | None = None
    sandbox: Sandbox = "best"
    limits: ProcessLimits = ProcessLimits()
    permissions_network: tuple[str, ...] | None = None
    permissions_files: tuple[str, ...] | None = None
    permissions_env: tuple[str, ...] = ()
    cache_ttl: CacheTtl = 0.0
    cache_scope: CacheScope = "principal"

    @classmethod
    def of(cls, spec: ToolSpec) -> StoredTool:
        """Return the stored form of `spec`."""
        approval, permissions = spec.policy.approval, spec.policy.permissions
        return cls(
            **{name: getattr(spec, name) for name in _SPEC_KEYS},
            **{name: getattr(spec.policy, name) for name in _POLICY_KEYS},
            approval=approval.when,
            approval_by=approval.by,
            approval_seconds=approval.deadline_seconds,
            approval_default=approval.default,
            permissions_network=permissions.network,
            permissions_files=permissions.files,
            permissions_env=permissions.env,
        )

    def spec(self) -> ToolSpec:
        """Return the spec that is stored here."""
        policy = ToolPolicy(
            **{name: getattr(self, name) for name in _POLICY_KEYS},
            approval=ApprovalPolicy(self.approval, self.approval_by, self.approval_seconds, self.approval_default),
            permissions=Permissions(
                network=self.permissions_network, files=self.permissions_files, env=self.permissions_env
            ),
        )
        return ToolSpec(**{name: getattr(self, name) for name in _SPEC_KEYS}, policy=policy)


_SPEC_KEYS = tuple(name for name in ToolSpec.__struct_fields__ if name != "policy")
_POLICY_KEYS = tuple(name for name in ToolPolicy.__struct_fields__ if name not in ("approval", "permissions"))


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question that the code of a call asks a human.

    After `deadline_seconds` without an answer, `default` is the answer; if that is None, the call is rejected.
    """

    text: str
    deadline_seconds: float | None = None
    default: str | None = None


class Unanswered(BaseException):
    """A human must answer first: the call stops here, and runs again from the start when there is an answer.

    It is not an Exception, so that `except Exception` in a tool does not catch it.
    """


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call that may be executed: its arguments are valid, and its approval is given or not needed."""

    spec: ToolSpec
    arguments: dict[str, JSON]
    call: str  # the step's name in its run, "m2.0"
    run_id: str
    thread_id: str
    principal: str
    idempotency_key: str
    agent: str = ""
    attempt: int = 1  # number of the first try of this execution; more than 1 after a crash
    approved: bool = False  # a human approved the call, with the code of `spec`
    thread_context: dict[str, JSON] = {}
    global_context: dict[str, JSON] = {}


class CallHost(Protocol):
    """The services of its run that a call may use. Implemented by the runtime."""

    async def starting(self, attempt: int) -> None:
        """Record that a try starts. Returns when this is durable, if the effects of the tool require it."""
        ...

    def progress(self, value: str | float) -> None:
        """Show progress to the clients that watch the run. It is not stored, and does not block."""
        ...

    async def change_context(self, scope: Literal["thread", "global"], patch: dict[str, JSON]) -> None:
        """Record a JSON Merge Patch of the context of the thread or of the principal."""
        ...

    async def ask(self, question: Question) -> str:
        """Return the answer of a human to this question of the call. Raises Unanswered if there is none yet."""
        ...


class ToolHost(CallHost, Protocol):
    """The services that the code of a call may use: those of its run, and the network. Made by the executor."""

    async def http(self, request: HttpRequest) -> HttpReply:
        """Send a request, within the tool's permissions and the limits of its service. Raises ServiceError."""
        ...

    def may_log(self) -> bool:
        """Count a line that the code logs in a worker process. Returns False if it is to be dropped."""
        ...


class ToolOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended. Exactly one of `result` and `failure` is set, unless `unknown` or `question` is.

    `unknown`: a `once` call timed out or its process died, so it may have happened. `failure` says why, and the run
    asks or tells, as `on_unknown` of its policy says. `question`: the call did not end. It runs again when a human has
    answered. `away`: an approved call was not sent, since its server is away. `changed_to`: it was not sent, since its
    server lists other code than was approved; this is the hash of that.
    """

    result: str | None = None
    failure: Failure | None = None
    unknown: bool = False
    duration_ms: float = 0.0
    attempts: int = 1
    cached: bool = False
    question: Question | None = None
    away: bool = False
    changed_to: str | None = None
    files: tuple[ToolFile, ...] = ()  # of the result, as the tool returned them
    parts: tuple[ImagePart | FilePart, ...] = ()  # the same files, once they are stored


OnPrinted = Callable[[CallRequest, str], None]  # takes what the code of a call printed in its worker process


def ignore_printed(request: CallRequest, text: str) -> None:
    """Do nothing with what a call printed."""


class LiveTools(Protocol):
    """The tools of a server that may go away or change its tools at any time."""

    async def live_hash(self, tool: str) -> str | None:
        """Return the hash of a tool as its server lists it now. None: the server does not list it.

        Raises TransientToolError (`tool_unavailable`) if the server is away.
        """
        ...


class Invoker(Protocol):
    """The code of a tool, ready to be called on the event loop or in a worker process."""

    async def invoke(self, request: CallRequest, host: ToolHost) -> JSON:
        """Run the tool, and return its value as plain JSON data.

        Cancellation stops the code, by killing its process if it has one; the executor uses it for timeouts.

        Raises ToolExecutionError if the tool failed (`tool_crashed` if its process died), and ToolRetry from the tool.
        """
        ...
