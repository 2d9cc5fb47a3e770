"""The actions that an agent type of your own may decide: frozen structs; `decide(state)` returns a tuple of them."""

from __future__ import annotations

from journeyman.agents.decision import (
    Action,
    AddMessage,
    AskHuman,
    AwaitChild,
    CallModel,
    CallTool,
    EndBranch,
    EnterNode,
    Finish,
    LeaveNode,
    ReachLimit,
    RunNode,
    Settle,
)

__all__ = [
    "Action",
    "AddMessage",
    "AskHuman",
    "AwaitChild",
    "CallModel",
    "CallTool",
    "EndBranch",
    "EnterNode",
    "Finish",
    "LeaveNode",
    "ReachLimit",
    "RunNode",
    "Settle",
]
