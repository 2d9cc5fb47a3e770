"""Tool calls and model calls that are open in a run's state."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.events import ROOT, Decision, ForkedCall, HumanChange, Path
from journeyman.events.messages import JSON, Message

CallStatus = Literal["asked", "started", "orphaned", "waiting", "answered", "finished"]


class Answered(msgspec.Struct, frozen=True):
    """A question that a tool's code asked, with the human's answer."""

    question: str
    answer: str


class CallState(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call that a model's reply, or a node's code, asked for."""

    call: str
    call_id: str
    tool: str
    arguments: str | dict[str, JSON]  # the model's text; an object once it was parsed
    status: CallStatus = "asked"
    attempt: int = 0
    code_hash: str = ""  # of the tool's code when the call was last started
    approval: str | None = None  # the last approval that was requested for it
    kind: str = ""  # of that approval
    args_hash: str = ""  # of the arguments for which that approval was requested
    live: bool = False  # that approval was asked again, for the tool as its server listed it then
    decision: Decision | None = None
    answer: str | None = None  # the result given by a human
    question: str = ""  # the open question of its code
    answers: tuple[Answered, ...] = ()  # to earlier questions: the code gets them when it runs again
    forked: ForkedCall | None = None  # how the parent run had left it when this run was forked
    message: Message | None = None  # the result as the model reads it, once finished
    path: Path = ROOT
    finish_reason: str = "stop"  # of the reply that asked for it
    edit: HumanChange | None = None  # the arguments that a human gave instead; None: they are the model's

    @property
    def asks_again(self) -> bool:
        """Whether a human has to be asked again, because the earlier answer is used up."""
        return self.approval is not None and self.status in ("asked", "orphaned")


class ModelCallState(msgspec.Struct, frozen=True, kw_only=True):
    """An open model call."""

    call: str
    attempt: int
    orphaned: bool = False
    path: Path = ROOT


def unallowed_decisions(call: CallState) -> CallState:
    """Return the call as a fork sees it: without a permission that a human gave to the parent run."""
    if call.decision not in ("approve", "retry"):
        return call
    status: CallStatus = call.status
    if status == "answered":
        status = "orphaned" if call.attempt else "asked"
    return msgspec.structs.replace(call, status=status, decision=None, live=False)
