"""Asks the model twice and takes the second reply."""

from __future__ import annotations

from journeyman import AgentState, BaseAgent
from journeyman.actions import Action, CallModel, Finish


class Twice(BaseAgent):
    def decide(self, state: AgentState) -> tuple[Action, ...]:
        if state.failure is not None:
            return (Finish(failure=state.failure),)
        if state.model_call is not None:
            call = state.model_call
            return (CallModel(call=call.call, attempt=call.attempt + 1),) if call.orphaned else ()
        if state.model_calls == 2:
            return (Finish(output=state.last_reply.text),)
        return (CallModel(call=f"m{state.model_calls + 1}"),)
