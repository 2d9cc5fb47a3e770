"""The steps that are open in a state: calls of tools and of the model. Frozen data, changed by the fold alone."""

from __future__ import annotations

from typing import Literal

import msgspec

from journeyman.events.events import ROOT, Decision, ForkedCall, Path
from journeyman.events.messages import JSON, Message

CallStatus = Literal["asked", "started", "orphaned", "waiting", "answered", "finished"]


class Answered(msgspec.Struct, frozen=True):
    """A question of a call's code and what a human said."""

    question: str
    answer: str


class CallState(msgspec.Struct, frozen=True, kw_only=True):
    """One tool call that the last reply asked for."""

    call: str
    call_id: str
    tool: str
    arguments: str | dict[str, JSON]  # text as the model gave it; an object once it is known to be one
    status: CallStatus = "asked"
    attempt: int = 0
    code_hash: str = ""  # of the tool when it was last started
    approval: str | None = None  # the approval that is open, or was answered
    kind: str = ""  # that approval's kind
    args_hash: str = ""  # what that approval was asked for
    decision: Decision | None = None
    answer: str | None = None  # the result that a human gave
    question: str = ""  # that its code asks now
    answers: tuple[Answered, ...] = ()  # to the questions before: the code gets them when it runs again
    forked: ForkedCall | None = None  # it was under way where the run was forked
    message: Message | None = None  # when finished: what the model reads
    path: Path = ROOT

    @property
    def asks_again(self) -> bool:
        """What a human said of it counts no more."""
        return self.approval is not None and self.status in ("asked", "orphaned")


class ModelCallState(msgspec.Struct, frozen=True, kw_only=True):
    """A model call that is open."""

    call: str
    attempt: int
    orphaned: bool = False
    path: Path = ROOT


def unallowed_decisions(call: CallState) -> CallState:
    """The call in a fork: that a human let it run was said once, to the parent."""
    if call.decision not in ("approve", "retry"):
        return call
    status: CallStatus = call.status
    if status == "answered":
        status = "orphaned" if call.attempt else "asked"
    return msgspec.structs.replace(call, status=status, decision=None)
