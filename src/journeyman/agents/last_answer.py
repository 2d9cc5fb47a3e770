"""What a run does and says when it has reached a limit. Pure."""

from __future__ import annotations

from journeyman.agents.decision import Action, CallModel, Finish
from journeyman.agents.tool_calls import reject
from journeyman.events.events import Failure
from journeyman.events.fold import ANSWER_CALL, AgentState

ANSWER_SECONDS = 60.0  # for the last model call of a run whose time is up


def last_actions(state: AgentState) -> tuple[Action, ...]:
    """Return the last model call of a run whose limit lets it answer, or the end of the run once it has answered.

    Calls in the last reply are refused. Empty: other work is open, which the runtime closes first, or the model is
    being asked.
    """
    if has_open_work(state):
        return ()
    if state.answering == "due" and not _was_interrupted(state):
        return _ask(state)
    refused = tuple(reject(call, *_refusal(state)) for call in state.calls if call.status == "asked")
    return refused or (finish_at_limit(state),)


def has_open_work(state: AgentState) -> bool:
    """Return whether anything is open that has to be closed before the model is asked for the last time."""
    if state.answering != "due":
        return False
    models = any(call.call != ANSWER_CALL for call in state.open_model_calls)
    return models or bool(state.open_calls or state.open_nodes or state.open_children)


def finish_at_limit(state: AgentState) -> Finish:
    """Finish with the text of the model's newest message."""
    reply = state.last_reply
    return Finish(output=reply.text if reply else "", stopped_by=state.limit.limit if state.limit else None)


def text_at_limit(state: AgentState, limit: str) -> str:
    """Return the last text of the model, or a sentence that names the limit if there is none."""
    texts = (message.text for message in reversed(state.messages) if message.role == "assistant" and message.text)
    return next(texts, f"The run reached its limit `{limit}` before the model gave an answer.")


def unrun_failure(state: AgentState) -> Failure:
    """Return the failure of a tool call that is not run because of the limit. The model reads it."""
    return Failure(*_refusal(state))


def _refusal(state: AgentState) -> tuple[str, str]:
    limit = state.limit.limit if state.limit else ""
    text = f"The run has reached its limit `{limit}`, so this call is not run. Answer now, with what you know."
    return "limit_reached", text


def _was_interrupted(state: AgentState) -> bool:
    """Return whether the limit cut a reply short: its text is the answer."""
    return bool(state.messages) and state.messages[-1].partial


def _ask(state: AgentState) -> tuple[Action, ...]:
    call = state.model_call
    if call is not None and not call.orphaned:
        return ()
    timed = state.limit is not None and state.limit.limit == "seconds"
    seconds = ANSWER_SECONDS if timed else None
    return (CallModel(call=ANSWER_CALL, attempt=call.attempt + 1 if call else 1, timeout_seconds=seconds),)
