"""Decides the next action for a tool call that a model asked for: reject it, ask a human, run or close it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from journeyman.agents.decision import Action, AskHuman, CallTool, Settle
from journeyman.agents.reply_endings import failure_of_cut, failure_of_unknown, usable_arguments
from journeyman.agents.toolset import Toolset, arguments_hash, shown_arguments
from journeyman.errors import ToolError
from journeyman.events.events import Failure, HumanChange
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON
from journeyman.events.model_request import ToolDefinition
from journeyman.events.open_calls import CallState
from journeyman.tools.spec import Question, ToolSpec

OUTCOME_UNKNOWN = "outcome_unknown"


def next_action(call: CallState, state: AgentState, tools: Toolset) -> Action | None:
    """Return the action that may start now for this call. None: it runs, waits or is finished."""
    if call.status in ("started", "waiting", "finished"):
        return None
    if (closed := _closed_by_answer(call)) is not None:
        return closed
    if (failure := failure_of_cut(call, state.calls)) is not None:
        return reject(call, failure.code, failure.message)
    spec = tools.get(call.tool)
    if spec is None:
        known = ", ".join(definition.name for definition in tools.definitions) or "none"
        return reject(call, "tool_not_found", f"There is no tool {call.tool!r}. Tools: {known}.")
    spec = _as_approved(spec, call)
    if (failure := failure_of_unknown(call, spec)) is not None:
        return reject(call, failure.code, failure.message)
    given = usable_arguments(call)
    try:
        arguments = tools.check(call.tool, given)
    except ToolError as exc:
        return reject(call, exc.code, exc.message)
    if call.status == "asked":
        asks = tools.needs_approval(spec, arguments, state, given)
        return _ask_to_run(call, spec, arguments, _forked_reason(call)) if asks else _run(call, spec, arguments)
    if call.status == "orphaned" and spec.policy.effects == "once":
        return unknown_outcome(call, spec, arguments)
    allowed = call.forked is None or call.decision in ("approve", "retry")
    if not allowed and tools.needs_approval(spec, arguments, state, given):
        return _ask_to_run(call, spec, arguments, _forked_reason(call))
    if call.status == "orphaned":
        return _run_again(call, spec, arguments)
    if (call.decision in ("approve", "retry") or call.kind == "question") and not _is_approved_code(call, spec):
        return _ask_to_run(call, spec, arguments, _changed_reason(call))
    return _run(call, spec, arguments)


def _as_approved(spec: ToolSpec, call: CallState) -> ToolSpec:
    """Return the spec with the code that a human was asked about again, if the server listed other code than `spec`."""
    return msgspec.structs.replace(spec, code_hash=_approved_hash(call)) if call.live else spec


def _forked_reason(call: CallState) -> str:
    """Return why a human is asked again in a fork; empty if this was not asked before."""
    return "It was asked before the fork, whose answers do not count here." if call.approval is not None else ""


def _changed_reason(call: CallState) -> str:
    """Return why a human is asked again after an answer was given for other code."""
    if call.kind == "question":
        return f"The code of {call.tool} changed since you answered its question."
    return f"The code of {call.tool} changed since you approved."


def _closed_by_answer(call: CallState) -> Settle | None:
    """Return how the answer of a human ends the call, or None. This does not depend on the tool."""
    match call.decision:
        case "deny" if call.kind == "question":
            return _close(call, Failure("approval_denied", "A human refused to answer what this call asked."))
        case "deny":
            return _close(call, Failure("approval_denied", "A human refused this call. Do not try it again."))
        case "done" if call.kind != "question":
            return _close(call, result=_result_of_done(call), human=_change_of_done(call))
        case "fail":
            return _close(call, _unknown_failure(call.tool))
        case _:
            return None


def skipped(call: CallState) -> Settle:
    """Close a call that no tools node of the graph has run."""
    return _close(call, Failure("call_skipped", "The graph went on without running this call."))


def reject_unavailable(call: CallState, offered: Sequence[ToolDefinition]) -> Settle:
    """Reject a call of a tool that the model was not offered."""
    known = ", ".join(definition.name for definition in offered) or "none"
    return reject(call, "tool_not_found", f"There is no tool {call.tool!r} here. Tools: {known}.")


def _result_of_done(call: CallState) -> str:
    """Return the result of a call that counts as done: a human's answer, else the result in the parent of a fork."""
    if call.answer is None and call.forked is not None:
        return call.forked.result or ""
    return call.answer or ""


def _change_of_done(call: CallState) -> HumanChange | None:
    """Return what the model reads of a human who said that a call was done. None: the result is that of a fork."""
    if call.forked is not None and call.forked.result is not None and call.answer in (None, call.forked.result):
        return call.edit
    return msgspec.structs.replace(call.edit or HumanChange(), answered=True)


def reject(call: CallState, code: str, message: str) -> Settle:
    """Close a call that must not run. If a crash interrupted it, its outcome is unknown, since it may have happened."""
    return _close(call, _unknown_failure(call.tool) if call.status == "orphaned" else Failure(code, message))


def _run_again(call: CallState, spec: ToolSpec, arguments: dict[str, JSON]) -> Action:
    """Run a call again that a crash interrupted and whose effects allow it. If its code has changed, ask first."""
    if spec.code_hash != call.code_hash:
        return _ask_to_run(call, spec, arguments, f"The code of {call.tool} changed since this call was started.")
    return _run(call, spec, arguments)


def _is_approved_code(call: CallState, spec: ToolSpec) -> bool:
    """Return whether the approved code is the current one. The arguments may be those that a human gave."""
    return _approved_hash(call) == spec.code_hash


def _approved_hash(call: CallState) -> str:
    """Return the hash of the code for which the call's approval was requested."""
    return call.args_hash.partition(".")[0]


def after_change(call: CallState, action: CallTool, code_hash: str) -> Action:
    """Return what follows for an approved call of a tool that its server lists otherwise now, as `code_hash`.

    A human is asked once more; if it has changed since then too, the call ends with `tool_changed`.
    """
    if call.live:
        text = f"{call.tool} changed again after a human approved this call, so it was not run."
        return _close(call, Failure("tool_changed", text))
    spec = msgspec.structs.replace(action.spec, code_hash=code_hash)
    asked = _ask_to_run(call, spec, action.arguments, _changed_reason(call))
    return msgspec.structs.replace(asked, live=True)


def unknown_outcome(call: CallState, spec: ToolSpec, arguments: dict[str, JSON]) -> Action:
    """Return what to do about a `once` call that may have happened. It does not run again unless a human says so."""
    result = call.forked.result if call.forked else None
    arguments = shown_arguments(spec, arguments)
    if spec.policy.on_unknown == "tell" and result is None:
        return _close(call, _unknown_failure(call.tool))
    return AskHuman(
        call=call.call,
        kind="unknown_outcome",
        tool=call.tool,
        arguments=arguments,
        message=_question(call),
        args_hash=arguments_hash(spec, arguments),
        decisions=("retry", "done", "fail"),
        result=result,
        answerer=spec.policy.approval.by if call.forked else "anyone",
        hidden=spec.sensitive,
        live=call.live,
        path=call.path,
    )


def question(action: CallTool, asked: Question) -> AskHuman:
    """Return the question that the code of a running call asks a human."""
    arguments = shown_arguments(action.spec, action.arguments)
    return AskHuman(
        call=action.call,
        kind="question",
        tool=action.spec.name,
        arguments=arguments,
        message=asked.text,
        args_hash=arguments_hash(action.spec, arguments),
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


def _ask_to_run(call: CallState, spec: ToolSpec, arguments: dict[str, JSON], reason: str = "") -> AskHuman:
    """Ask whether the call may run. `reason` says why it is asked again."""
    approval = spec.policy.approval
    arguments = shown_arguments(spec, arguments)
    message = f"May {call.tool} run with these arguments?"
    return AskHuman(
        call=call.call,
        kind="tool",
        tool=call.tool,
        arguments=arguments,
        message=f"{message} {reason}" if reason else message,
        args_hash=arguments_hash(spec, arguments),
        decisions=("approve", "deny"),
        deadline_seconds=approval.deadline_seconds,
        default=None if approval.deadline_seconds is None else approval.default,
        answerer=approval.by,
        hidden=spec.sensitive,
        live=call.live,
        path=call.path,
    )


def _run(call: CallState, spec: ToolSpec, arguments: dict[str, JSON]) -> Action:
    return CallTool(
        call=call.call,
        call_id=call.call_id,
        spec=spec,
        arguments=arguments,
        attempt=call.attempt + 1,
        human=call.edit,
        approved=_is_approved(call),
        path=call.path,
    )


def _is_approved(call: CallState) -> bool:
    """Return whether a human approved that the call runs, or runs again after a crash."""
    if call.status == "answered":
        return call.decision in ("approve", "retry")
    return call.status == "orphaned" and call.forked is None and call.kind in ("tool", "unknown_outcome")


def _close(
    call: CallState, failure: Failure | None = None, result: str | None = None, human: HumanChange | None = None
) -> Settle:
    return Settle(
        call=call.call,
        call_id=call.call_id,
        tool=call.tool,
        failure=failure,
        result=result,
        attempts=call.attempt,
        human=human or call.edit,
        path=call.path,
    )


def _unknown_failure(tool: str) -> Failure:
    return Failure(
        OUTCOME_UNKNOWN, f"{tool} was started, but whether it took effect is unknown. Do not assume either; say so."
    )
