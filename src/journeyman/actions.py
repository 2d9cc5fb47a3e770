"""The actions that a custom agent type can return from `decide(state)`: frozen structs."""

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
