"""What an agent may decide: the actions, and the port `decide(state) -> tuple[Action, ...]`.

`decide` is pure. It returns every action that may start now and is not open yet; each has a stable key, so that
an action which is under way (in memory: waiting for a slot) is never started twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from journeyman.agents.spec import AgentSpec
from journeyman.agents.toolset import Toolset
from journeyman.events.events import ROOT, Answerer, Decision, Failure, Path
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message
from journeyman.events.model_request import ModelRequest
from journeyman.tools.spec import ToolSpec


class CallModel(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the model. A step of a graph names its node in `path`; `model` and `timeout_seconds` are that node's own."""

    call: str
    attempt: int = 1
    path: Path = ROOT
    model: str = ""  # as the journal names it; empty: the agent's
    timeout_seconds: float | None = None  # of the whole call

    @property
    def key(self) -> str:
        return f"{self.call}#{self.attempt}"


class Summarize(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the model for a summary of the messages `first_no` to `last_no`, which fall out of the window."""

    call: str
    first_no: int
    last_no: int
    most_tokens: int  # estimated, of a summary that can be used
    request: ModelRequest

    @property
    def key(self) -> str:
        return self.call


class CallTool(msgspec.Struct, frozen=True, kw_only=True):
    """Run a tool: its arguments are validated, its approval is given or not needed."""

    call: str
    call_id: str
    spec: ToolSpec
    arguments: dict[str, JSON]
    attempt: int = 1
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#{self.attempt}"


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """Close a call without running it: refused, denied, of unknown outcome, or answered by a human."""

    call: str
    call_id: str
    tool: str
    failure: Failure | None = None
    result: str | None = None
    attempts: int = 0
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#settle"


class AskHuman(msgspec.Struct, frozen=True, kw_only=True):
    """Open an approval. Holds no task: the answer arrives as an outside fact."""

    call: str
    kind: Literal["tool", "unknown_outcome", "node", "question"]
    tool: str
    arguments: dict[str, JSON]
    message: str
    args_hash: str
    decisions: tuple[Decision, ...]
    result: str | None = None  # what `done` goes on with unless the answer says otherwise
    deadline_seconds: float | None = None  # from its recording on; then `default` is the answer
    default: Decision | None = None
    answerer: Answerer = "anyone"
    hidden: tuple[str, ...] = ()  # arguments that people are not shown
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#ask-{self.kind}"


class AwaitChild(msgspec.Struct, frozen=True, kw_only=True):
    """Start a run of another agent, on a hidden thread of its own, and wait for its end. Holds no task meanwhile."""

    call: str
    agent: str
    input: str
    attempt: int = 1
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#child-{self.attempt}"


class RunNode(msgspec.Struct, frozen=True, kw_only=True):
    """Run the code of a node: its NodeLeft, with what it gave, is recorded when it returns."""

    call: str
    attempt: int = 1
    timeout_seconds: float | None = None
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#{self.attempt}"


class EnterNode(msgspec.Struct, frozen=True, kw_only=True):
    """Move a token to a node. `joins`: the branches that end here, in the order of the edge."""

    call: str
    attempt: int = 1
    joins: tuple[str, ...] = ()
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#enter-{self.attempt}"


class LeaveNode(msgspec.Struct, frozen=True, kw_only=True):
    """The node's work is over, with a result or a failure."""

    call: str
    attempt: int = 1
    result: JSON = None
    failure: Failure | None = None
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#leave-{self.attempt}"


class EndBranch(msgspec.Struct, frozen=True, kw_only=True):
    """A parallel branch is over: it waits at the join of that edge, or (None) joins nothing."""

    to: str = "end"
    edge: int | None = None
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.path.branch}#end"


class AddMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Say something to the model, as when a typed answer does not fit: then it is a `correction`."""

    message: Message
    correction: bool = True
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.path.branch}#message"


class ReachLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit is reached: recorded first, then the run finishes with what it has."""

    limit: str
    value: float
    budget: str = ""  # whose, if others share it

    @property
    def key(self) -> str:
        return "limit"


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """End the run: with its output, or with the failure."""

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
    """A node's code, an `async def` of one NodeContext, and what its file says for it."""

    function: Callable[[Any], Awaitable[JSON]]
    config: dict[str, JSON]


class Agent(Protocol):
    """What the runtime needs of an agent."""

    @property
    def type(self) -> str: ...

    @property
    def spec(self) -> AgentSpec: ...

    @property
    def tools(self) -> Toolset: ...

    @property
    def model(self) -> str: ...

    def decide(self, state: AgentState) -> tuple[Action, ...]:
        """Every action that may start now. Pure; never blocks; raises nothing but for a fault in the agent itself."""
        ...

    def prompt(self, state: AgentState) -> str:
        """The system prompt, rendered once per run from the state as it was at its start."""
        ...

    def request(self, state: AgentState, prompt: str) -> tuple[int, ModelRequest]:
        """The number of the first stored message that a model call sees now, and what to send."""
        ...

    def node_request(self, path: Path, state: AgentState) -> tuple[int, ModelRequest]:
        """The same for the model call of a node; its prompt is rendered anew."""
        ...

    def node_work(self, path: Path) -> NodeWork:
        """The code of a node, for `RunNode`."""
        ...
