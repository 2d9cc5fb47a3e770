"""What may happen next to a tool call that a model asked for: refuse, ask a human, run, or settle. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from journeyman.agents.decision import Action, AskHuman, CallTool, Settle
from journeyman.agents.toolset import Toolset, arguments_hash
from journeyman.errors import ToolError
from journeyman.events.events import Failure
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON
from journeyman.events.model_request import ToolDefinition
from journeyman.events.open_calls import CallState
from journeyman.tools.spec import Question, ToolSpec

OUTCOME_UNKNOWN = "outcome_unknown"


def next_action(call: CallState, state: AgentState, tools: Toolset) -> Action | None:
    """The action that this call may start now; None while it runs, waits or is over."""
    if call.status in ("started", "waiting", "finished"):
        return None
    if (settled := _settled(call)) is not None:
        return settled
    spec = tools.get(call.tool)
    if spec is None:
        known = ", ".join(definition.name for definition in tools.definitions) or "none"
        return reject(call, "tool_not_found", f"There is no tool {call.tool!r}. Tools: {known}.")
    try:
        arguments = tools.check(call.tool, call.arguments)
    except ToolError as exc:
        return reject(call, exc.code, exc.message)
    if call.status == "asked":
        return _first(call, spec, arguments, state, tools)
    if call.status == "orphaned" and spec.policy.effects == "once":
        return unknown_outcome(call, spec, arguments)
    allowed = call.forked is None or call.decision in ("approve", "retry")
    if not allowed and tools.needs_approval(spec, arguments, state):
        return _ask_to_run(call, spec, arguments)
    if call.status == "orphaned":
        return _orphaned(call, spec, arguments)
    if (call.decision in ("approve", "retry") or call.kind == "question") and not _still_fits(call, spec):
        return _ask_to_run(call, spec, arguments)
    return _run(call, spec, arguments)


def _settled(call: CallState) -> Settle | None:
    """A human's word that ends the call, whatever has become of its tool."""
    match call.decision:
        case "deny" if call.kind == "question":
            return _settle(call, Failure("approval_denied", "A human refused to answer what this call asked."))
        case "deny":
            return _settle(call, Failure("approval_denied", "A human refused this call. Do not try it again."))
        case "done" if call.kind != "question":
            return _settle(call, result=_outcome(call))
        case "fail":
            return _settle(call, _unknown_failure(call.tool))
        case _:
            return None


def skipped(call: CallState) -> Settle:
    """A call that its graph went past: no tools node ran it."""
    return _settle(call, Failure("call_skipped", "The graph went on without running this call."))


def reject_unavailable(call: CallState, offered: Sequence[ToolDefinition]) -> Settle:
    """A call of a tool that its model was not offered."""
    known = ", ".join(definition.name for definition in offered) or "none"
    return reject(call, "tool_not_found", f"There is no tool {call.tool!r} here. Tools: {known}.")


def _outcome(call: CallState) -> str:
    """What a call that counts as done gave: a human's word, else what the run it was forked from knows."""
    if call.answer is None and call.forked is not None:
        return call.forked.result or ""
    return call.answer or ""


def reject(call: CallState, code: str, message: str) -> Settle:
    """It is not to run. What a crash left behind may have happened already: that is not called refused."""
    return _settle(call, _unknown_failure(call.tool) if call.status == "orphaned" else Failure(code, message))


def _first(call: CallState, spec: ToolSpec, arguments: dict[str, JSON], state: AgentState, tools: Toolset) -> Action:
    if tools.needs_approval(spec, arguments, state):
        return _ask_to_run(call, spec, arguments)
    return _run(call, spec, arguments)


def _orphaned(call: CallState, spec: ToolSpec, arguments: dict[str, JSON]) -> Action:
    """Its process died while it ran, and its effects allow that it runs again: not by other code unasked."""
    if spec.code_hash != call.code_hash:
        return _ask_to_run(call, spec, arguments)
    return _run(call, spec, arguments)


def _still_fits(call: CallState, spec: ToolSpec) -> bool:
    """Is this what was approved? A human's own arguments are; changed code is not."""
    code, _, _ = call.args_hash.partition(".")
    return code == spec.code_hash


def unknown_outcome(call: CallState, spec: ToolSpec, arguments: dict[str, JSON]) -> Action:
    """A `once` call of which nobody knows whether it happened: never run again unasked."""
    known = call.forked.result if call.forked else None
    if spec.policy.on_unknown == "tell" and known is None:
        return _settle(call, _unknown_failure(call.tool))
    return AskHuman(
        call=call.call,
        kind="unknown_outcome",
        tool=call.tool,
        arguments=arguments,
        message=_question(call),
        args_hash=arguments_hash(spec, arguments),
        decisions=("retry", "done", "fail"),
        result=known,
        answerer=spec.policy.approval.by if call.forked else "anyone",
        hidden=spec.sensitive,
        path=call.path,
    )


def question(action: CallTool, asked: Question) -> AskHuman:
    """What the code of a call that is under way asks a human."""
    return AskHuman(
        call=action.call,
        kind="question",
        tool=action.spec.name,
        arguments=action.arguments,
        message=asked.text,
        args_hash=arguments_hash(action.spec, action.arguments),
        decisions=("done", "deny"),
        result=asked.default,
        deadline_seconds=asked.deadline_seconds,
        default=None if asked.deadline_seconds is None else "deny" if asked.default is None else "done",
        hidden=action.spec.sensitive,
        path=action.path,
    )


def _question(call: CallState) -> str:
    if call.forked is None:
        return f"{call.tool} was started and its outcome is unknown. Did it happen?"
    if call.forked.result is None:
        return f"{call.tool} was started in the run that this one was forked from. Did it happen?"
    return f"{call.tool} was done in the run that this one was forked from. Go on with its result there (done)?"


def _ask_to_run(call: CallState, spec: ToolSpec, arguments: dict[str, JSON]) -> Action:
    approval = spec.policy.approval
    return AskHuman(
        call=call.call,
        kind="tool",
        tool=call.tool,
        arguments=arguments,
        message=f"May {call.tool} run with these arguments?",
        args_hash=arguments_hash(spec, arguments),
        decisions=("approve", "deny"),
        deadline_seconds=approval.deadline_seconds,
        default=None if approval.deadline_seconds is None else approval.default,
        answerer=approval.by,
        hidden=spec.sensitive,
        path=call.path,
    )


def _run(call: CallState, spec: ToolSpec, arguments: dict[str, JSON]) -> Action:
    return CallTool(
        call=call.call,
        call_id=call.call_id,
        spec=spec,
        arguments=arguments,
        attempt=call.attempt + 1,
        path=call.path,
    )


def _settle(call: CallState, failure: Failure | None = None, **rest: Any) -> Settle:
    return Settle(
        call=call.call,
        call_id=call.call_id,
        tool=call.tool,
        failure=failure,
        attempts=call.attempt,
        path=call.path,
        **rest,
    )


def _unknown_failure(tool: str) -> Failure:
    return Failure(
        OUTCOME_UNKNOWN, f"{tool} was started, but whether it took effect is unknown. Do not assume either; say so."
    )
