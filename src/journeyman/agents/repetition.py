"""Loop detection: an agent that makes the same calls and gets the same answers several times. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from journeyman.agents.decision import Action
from journeyman.agents.limits import reach_limit
from journeyman.agents.spec import Limits
from journeyman.agents.tool_calls import reject
from journeyman.events.events import Failure
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message
from journeyman.events.open_calls import CallState
from journeyman.events.transcript import error_text

LONGEST = 3  # rounds in one period of a loop: A A A, A B A B, A B C A B C
_CODE = "repeated_call"
_TEXT = "This call was made again and again, with the same answer. Do something else, or say how far you came."
_REJECTION = error_text(Failure(_CODE, _TEXT))


class Round(NamedTuple):
    """A reply with tool calls, and the answers to them."""

    reply: Message
    answers: tuple[str, ...]


def loop_actions(state: AgentState, calls: Sequence[CallState], limits: Limits) -> tuple[Action, ...]:
    """Detect an agent that loops.

    If the last `limits.repeats` rounds made the same calls and got the same answers, reject the new calls with an
    explanation; if the model repeats them after that, end the run. Returns an empty tuple if there is no loop.
    """
    if not limits.repeats or not state.messages or any(call.status != "asked" for call in calls):
        return ()
    reply, earlier = state.messages[-1], rounds(state.messages[:-1])
    latest = list(islice(earlier, LONGEST))
    periods = [period for period, round_ in enumerate(latest, 1) if same_calls(round_.reply, reply)]
    if any(_REJECTION in latest[period - 1].answers for period in periods):
        return (reach_limit(limits, "repeats", limits.repeats),)
    if any(_is_loop(state.messages[:-1], period, limits.repeats) for period in periods):
        return tuple(reject(call, _CODE, _TEXT) for call in calls)
    return ()


def _is_loop(messages: Sequence[Message], period: int, repeats: int) -> bool:
    """Return whether the messages end with `repeats` equal periods of `period` rounds each."""
    wanted = period * repeats
    seen: list[Round] = []
    for round_ in islice(rounds(messages), wanted):
        if len(seen) >= period and not _same(seen[len(seen) - period], round_):
            return False
        seen.append(round_)
    return len(seen) == wanted


def rounds(messages: Sequence[Message]) -> Iterator[Round]:
    """Yield the rounds at the end of the messages, the newest first. Any other message ends the sequence."""
    answers: list[str] = []
    for message in reversed(messages):
        if message.role == "tool":
            answers.append(message.text)
        elif message.role == "assistant" and message.tool_calls:
            yield Round(message, tuple(reversed(answers)))
            answers.clear()
        else:
            return


def _same(one: Round, other: Round) -> bool:
    return one.answers == other.answers and same_calls(one.reply, other.reply)


def same_calls(one: Message, other: Message) -> bool:
    """Return whether both replies call the same tools with equal arguments, whatever their white space."""
    calls, others = one.tool_calls, other.tool_calls
    return [call.name for call in calls] == [call.name for call in others] and all(
        mine.arguments == theirs.arguments or _decoded(mine.arguments) == _decoded(theirs.arguments)
        for mine, theirs in zip(calls, others, strict=True)
    )


def _decoded(arguments: str) -> JSON:
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
