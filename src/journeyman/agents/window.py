"""Which messages a model call gets to see: whole turns, cut to three quarters of the window when it is full."""

from __future__ import annotations

from journeyman.agents.spec import History
from journeyman.events.messages import Message, TextPart
from journeyman.events.state import AgentState

KEEP = 0.75  # after a cut, so that the prefix stays the same (and cacheable) for the next turns


def window(state: AgentState, policy: History) -> tuple[int, tuple[Message, ...]]:
    """The number of the first message to send, and the messages: the thread's from there on, then the run's own.

    The run's own messages are never cut: its limits bound them.
    """
    start = max(0, len(state.history) - (state.last_no - state.first_no + 1))
    history = state.history[start:]
    if _fits(history, state.messages, policy, 1.0):
        return state.first_no, (*history, *state.messages)
    for turn in _turns(history):
        if _fits(history[turn:], state.messages, policy, KEEP):
            return state.last_no - len(history) + turn + 1, (*history[turn:], *state.messages)
    return state.last_no + 1, state.messages


def _fits(history: tuple[Message, ...], own: tuple[Message, ...], policy: History, share: float) -> bool:
    if len(history) + len(own) > policy.max_messages * share:
        return False
    tokens = sum(map(estimated_tokens, history)) + sum(map(estimated_tokens, own))
    return tokens <= policy.max_tokens * share


def _turns(history: tuple[Message, ...]) -> list[int]:
    """Where turns begin: at a user's message."""
    return [index for index, message in enumerate(history) if message.role == "user" and index > 0]


def estimated_tokens(message: Message) -> int:
    """Four characters a token, without a tokenizer: those want downloads."""
    size = sum(len(part.text) if type(part) is TextPart else 1024 for part in message.content)
    return (size + sum(len(call.arguments) for call in message.tool_calls)) // 4 + 4
