"""The ReAct agent: ask the model, run the tools it calls, and ask again, until it answers without a call."""

from __future__ import annotations

from journeyman.agents.agent import BaseAgent
from journeyman.agents.decision import Action, AddMessage, CallModel, Finish
from journeyman.agents.history_summary import summary_action
from journeyman.agents.last_answer import finish_at_limit, last_actions
from journeyman.agents.limits import exceeded
from journeyman.agents.repetition import loop_actions
from journeyman.agents.spec import Output
from journeyman.agents.tool_calls import next_action
from journeyman.events.answer_schema import schema_instruction
from journeyman.events.events import Failure
from journeyman.events.fold import AgentState
from journeyman.events.messages import user


class ReactAgent(BaseAgent):
    """An agent whose graph is llm <-> tools."""

    type = "react_agent"

    def decide(self, state: AgentState) -> tuple[Action, ...]:
        """Return the next model call, the tool calls that may start, or the end of the run."""
        if state.answering:
            return last_actions(state)
        if state.failure is not None:
            return (Finish(failure=state.failure),)
        if state.limit is not None:
            return (finish_at_limit(state),)
        if state.model_call is not None:
            return self._repeat_if_interrupted(state)
        return self._next(state)

    def _repeat_if_interrupted(self, state: AgentState) -> tuple[Action, ...]:
        """Return the open model call again if a crash interrupted it. Empty: it is under way."""
        call = state.model_call
        if call is None or not call.orphaned:
            return ()
        return (CallModel(call=call.call, attempt=call.attempt + 1),)

    def _next(self, state: AgentState) -> tuple[Action, ...]:
        answered = bool(state.messages) and state.messages[-1].role == "assistant" and not state.calls
        if answered and state.empty_replies != 1:  # the model is asked once more after an empty reply
            return (self._conclude(state),)
        if limit := exceeded(state, self.spec.limits):
            return (limit,)
        if state.calls:
            if loop := loop_actions(state, state.calls, self.spec.limits):
                return loop
            actions = (next_action(call, state, self.tools) for call in state.calls)
            return tuple(action for action in actions if action is not None)
        summary = summary_action(state, self.spec, self.model)
        return (summary or CallModel(call=f"m{state.model_calls + 1}"),)

    def _conclude(self, state: AgentState) -> Action:
        """Finish with the reply as the answer, or ask again if it does not fit the declared output."""
        text = self._json_answer(self._answer(state))
        problem = self._check_output(text) if self._check_output else None
        if problem is None:
            return Finish(output=text)
        output = self.spec.output
        if output is not None and state.corrections < output.retries:
            return AddMessage(message=user(_correction(output, problem)))
        return Finish(failure=Failure("output_invalid", f"The answer does not fit the output schema: {problem}"))

    @staticmethod
    def _answer(state: AgentState) -> str:
        reply = state.last_reply
        return reply.text if reply else ""


def _correction(output: Output, problem: str) -> str:
    """Return the message about an answer that does not fit, with the schema unless the definition is of 0.1."""
    told = f"Your answer does not fit the required JSON schema:\n{problem}\nAnswer again."
    return f"{told}\n{schema_instruction(output.schema)}" if output.mode else told


class DirectAgent(BaseAgent):
    """The agent of a run without an agent: one tool call, under the same policies."""

    type = "direct"

    def decide(self, state: AgentState) -> tuple[Action, ...]:
        """Return the next action for the call, or the end of the run once it is closed."""
        if state.limit is not None:
            return (Finish(stopped_by=state.limit.limit),)
        if state.calls:
            actions = (next_action(call, state, self.tools) for call in state.calls)
            return tuple(action for action in actions if action is not None)
        return (Finish(output=state.output, failure=state.failure),)
