"""Which messages a model call gets to see: whole turns, cut to three quarters of the window when it is full."""

from __future__ import annotations

from journeyman.agents.spec import History
from journeyman.events.messages import Message, TextPart
from journeyman.events.state import AgentState

KEEP = 0.75  # after a cut, so that the prefix stays the same (and cacheable) for the next turns


def window(state: AgentState, policy: History) -> tuple[int, tuple[Message, ...]]:
    """The number of the first message to send, and the messages: the thread's from there on, then the run's own.

    The run's own messages are never cut: its limits bound them. Pinned ones of what is cut stay, in front.
    """
    start = max(0, len(state.history) - (state.last_no - state.first_no + 1))
    kept, history = _pinned(state, start), state.history[start:]
    own = (*kept, *state.messages)
    if _fits(history, own, policy, 1.0):
        return state.first_no, (*kept, *history, *state.messages)
    for turn in _turns(history):
        kept = _pinned(state, start + turn)
        if _fits(history[turn:], (*kept, *state.messages), policy, KEEP):
            return state.last_no - len(history) + turn + 1, (*kept, *history[turn:], *state.messages)
    return state.last_no + 1, (*_pinned(state, len(state.history)), *state.messages)


def _pinned(state: AgentState, cut: int) -> tuple[Message, ...]:
    """The pinned messages of the thread before place `cut` of the history."""
    if not state.pinned_nos:
        return ()
    return (*state.pinned, *(message for message in state.history[:cut] if message.pinned))


def _fits(history: tuple[Message, ...], own: tuple[Message, ...], policy: History, share: float) -> bool:
    if len(history) + len(own) > policy.max_messages * share:
        return False
    tokens = sum(map(estimated_tokens, history)) + sum(map(estimated_tokens, own))
    return tokens <= policy.max_tokens * share


def _turns(history: tuple[Message, ...]) -> list[int]:
    """Where turns begin: at a user's message."""
    return [index for index, message in enumerate(history) if message.role == "user" and index > 0]


def estimated_tokens(message: Message) -> int:
    """Without a tokenizer, since those want downloads: 4 plus what its texts and arguments come to; 256 a picture."""
    size = sum(_eighths(part.text) if type(part) is TextPart else 2048 for part in message.content)
    return (size + sum(_eighths(call.arguments) for call in message.tool_calls)) // 8 + 4


def _eighths(text: str) -> int:
    """Eighths of a token: 2 a character of ASCII, and 3 for each byte of UTF-8 beyond one a character.

    So English comes to 4 characters a token, Greek or Russian to 1.6, Chinese to 1: rather too many than too few.
    """
    return 2 * len(text) if text.isascii() else 3 * len(text.encode("utf-8", "replace")) - len(text)
