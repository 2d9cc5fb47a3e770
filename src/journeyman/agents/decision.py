"""The actions that an agent may decide, and the Agent protocol with `decide(state) -> tuple[Action, ...]`.

`decide` is pure. It returns every action that may start now and is not recorded as started. Each action has a stable
key, by which the runner does not start it twice while it waits in memory, for a worker for example.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from journeyman.agents.spec import AgentSpec, Reaction
from journeyman.agents.toolset import Toolset
from journeyman.events.events import ROOT, Answerer, AskedLimit, Decision, Failure, HumanChange, Path
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message
from journeyman.events.model_request import ModelRequest
from journeyman.tools.spec import ToolSpec


class CallModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model call to start. In a graph `path` names the node that `model` and `timeout_seconds` belong to."""

    call: str
    attempt: int = 1
    path: Path = ROOT
    model: str = ""  # as the journal names it; empty: the model of the agent
    timeout_seconds: float | None = None  # of the whole call

    @property
    def key(self) -> str:
        return f"{self.call}#{self.attempt}"


class Summarize(msgspec.Struct, frozen=True, kw_only=True):
    """A summary to ask the model for: of messages `first_no` to `last_no`, which no longer fit the context window."""

    call: str
    first_no: int
    last_no: int
    most_tokens: int  # estimated; a longer summary is not used
    request: ModelRequest

    @property
    def key(self) -> str:
        return self.call


class CallTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call to run. Its arguments are valid, and its approval is given or not needed."""

    call: str
    call_id: str
    spec: ToolSpec
    arguments: dict[str, JSON]
    attempt: int = 1
    human: HumanChange | None = None  # the arguments are a human's; None: they are the model's
    approved: bool = False  # a human approved it, with the code of `spec`
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#{self.attempt}"


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call to close without running it: it is rejected, denied, of unknown outcome, or answered by a human."""

    call: str
    call_id: str
    tool: str
    failure: Failure | None = None
    result: str | None = None
    attempts: int = 0
    human: HumanChange | None = None  # None: no human changed the call
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#settle"


class AskHuman(msgspec.Struct, frozen=True, kw_only=True):
    """An approval to open. No task waits for the answer, which arrives as an external event."""

    call: str
    kind: Literal["tool", "unknown_outcome", "node", "question", "limit"]
    tool: str
    arguments: dict[str, JSON]
    message: str
    args_hash: str
    decisions: tuple[Decision, ...]
    result: str | None = None  # of `done`, if the answer has no result
    deadline_seconds: float | None = None  # from when it is recorded; after it `default` is the answer
    default: Decision | None = None
    answerer: Answerer = "anyone"
    hidden: tuple[str, ...] = ()  # arguments that are redacted for people
    limit: AskedLimit | None = None  # of the kind `limit`: what was reached
    live: bool = False  # asked again, for the tool as its server lists it now
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#ask-{self.kind}"


class AwaitChild(msgspec.Struct, frozen=True, kw_only=True):
    """A run of another agent to start, on a new hidden thread, and to wait for. No task waits meanwhile."""

    call: str
    agent: str
    input: str
    attempt: int = 1
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#child-{self.attempt}"


class RunNode(msgspec.Struct, frozen=True, kw_only=True):
    """The code of a node to run. NodeLeft, with the result, is recorded when the code returns."""

    call: str
    attempt: int = 1
    timeout_seconds: float | None = None
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#{self.attempt}"


class EnterNode(msgspec.Struct, frozen=True, kw_only=True):
    """A move of a token to a node. `joins` are the branches that end here, in the order of the edge."""

    call: str
    attempt: int = 1
    joins: tuple[str, ...] = ()
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#enter-{self.attempt}"


class LeaveNode(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a node's work, with a result or a failure."""

    call: str
    attempt: int = 1
    result: JSON = None
    failure: Failure | None = None
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#leave-{self.attempt}"


class EndBranch(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a parallel branch. It waits at the join of `edge`; None: it joins nothing."""

    to: str = "end"
    edge: int | None = None
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.path.branch}#end"


class AddMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to add for the model. It is a `correction` if it says that a typed answer does not fit."""

    message: Message
    correction: bool = True
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.path.branch}#message"


class ReachLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that is reached. It is recorded, and then the run finishes with the output it has.

    With `then="answer"`, all that is open is closed first, and the agent may ask the model once more.
    """

    limit: str
    value: float
    budget: str = ""  # the name of a shared budget; empty: the limit is that of the run
    then: Reaction = "stop"

    @property
    def key(self) -> str:
        return "limit"


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the run, with its output or with a failure."""

    output: str = ""
    failure: Failure | None = None
    stopped_by: str | None = None

    @property
    def key(self) -> str:
        return "finish"


Action = (
    CallModel
    | Summarize
    | CallTool
    | RunNode
    | Settle
    | AskHuman
    | AwaitChild
    | EnterNode
    | LeaveNode
    | EndBranch
    | AddMessage
    | ReachLimit
    | Finish
)


class NodeWork(NamedTuple):
    """The code of a node, an `async def` that takes a NodeContext, and its `config` from the agent file."""

    function: Callable[[Any], Awaitable[JSON]]
    config: dict[str, JSON]


class Agent(Protocol):
    """An agent as the runtime needs it."""

    @property
    def type(self) -> str: ...

    @property
    def spec(self) -> AgentSpec: ...

    @property
    def tools(self) -> Toolset: ...

    @property
    def model(self) -> str: ...

    def decide(self, state: AgentState) -> tuple[Action, ...]:
        """Return every action that may start now. Pure. It does not block, and raises only for a bug in the agent."""
        ...

    def prompt(self, state: AgentState) -> str:
        """Return the system prompt, rendered once per run from the state at its start."""
        ...

    def request(self, state: AgentState, prompt: str) -> tuple[int, ModelRequest]:
        """Return the number of the first stored message that a model call sees now, and the request for it."""
        ...

    def node_request(self, path: Path, state: AgentState) -> tuple[int, ModelRequest]:
        """Return the same for the model call of a node. The prompt is rendered at each call."""
        ...

    def node_work(self, path: Path) -> NodeWork:
        """Return the code of the node at `path`, for `RunNode`."""
        ...
