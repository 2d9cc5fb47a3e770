"""What an agent may decide: the actions, and the port `decide(state) -> tuple[Action, ...]`.

`decide` is pure. It returns every action that may start now and is not open yet; each has a stable key, so that
an action which is under way (in memory: waiting for a slot) is never started twice.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from journeyman.agents.spec import AgentSpec
from journeyman.events.events import ROOT, Decision, Failure, Path
from journeyman.events.messages import JSON, Message
from journeyman.events.state import AgentState
from journeyman.llm.client import ModelRequest
from journeyman.tools.spec import ToolSpec


class CallModel(msgspec.Struct, frozen=True, kw_only=True):
    call: str
    attempt: int = 1
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#{self.attempt}"


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
    kind: Literal["tool", "unknown_outcome"]
    tool: str
    arguments: dict[str, JSON]
    message: str
    args_hash: str
    decisions: tuple[Decision, ...]
    result: str | None = None  # what `done` goes on with unless the answer says otherwise
    path: Path = ROOT

    @property
    def key(self) -> str:
        return f"{self.call}#ask-{self.kind}"


class AddMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Say something to the model, as when a typed answer does not fit."""

    message: Message
    path: Path = ROOT

    @property
    def key(self) -> str:
        return "message"


class ReachLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit is reached: recorded first, then the run finishes with what it has."""

    limit: str
    value: float

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


Action = CallModel | CallTool | Settle | AskHuman | AddMessage | ReachLimit | Finish


class Agent(Protocol):
    """What the runtime needs of an agent."""

    @property
    def type(self) -> str: ...

    @property
    def spec(self) -> AgentSpec: ...

    def decide(self, state: AgentState) -> tuple[Action, ...]:
        """Every action that may start now. Pure; never blocks; raises nothing but for a fault in the agent itself."""
        ...

    def prompt(self, state: AgentState) -> str:
        """The system prompt, rendered once per run from the state as it was at its start."""
        ...

    def request(self, state: AgentState, prompt: str) -> tuple[int, ModelRequest]:
        """The number of the first stored message that a model call sees now, and what to send."""
        ...
