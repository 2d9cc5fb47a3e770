"""An agent that goes round in circles: the same calls, with the same answers, again and again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from journeyman.agents.decision import Action, ReachLimit
from journeyman.agents.spec import Limits
from journeyman.agents.tool_calls import reject
from journeyman.events.events import Failure
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message
from journeyman.events.open_calls import CallState
from journeyman.events.transcript import error_text

LONGEST = 3  # replies in one round of a circle: A A A, A B A B, A B C A B C
_CODE = "repeated_call"
_TEXT = "This call was made again and again, with the same answer. Do something else, or say how far you came."
_REFUSED = error_text(Failure(_CODE, _TEXT))


class Round(NamedTuple):
    """A reply that asked for calls, and what they gave."""

    reply: Message
    answers: tuple[str, ...]


def loop_actions(state: AgentState, calls: Sequence[CallState], limits: Limits) -> tuple[Action, ...]:
    """What becomes of calls that were asked for just now, once `limits.repeats` rounds before were the same: they are
    refused. Asked for again soon after that, the run ends. Nothing: they are no repetition."""
    if not limits.repeats or not state.messages or any(call.status != "asked" for call in calls):
        return ()
    reply, before = state.messages[-1], rounds(state.messages[:-1])
    lately = list(islice(before, LONGEST))
    periods = [place for place, step in enumerate(lately, 1) if same_calls(step.reply, reply)]
    if any(_REFUSED in lately[period - 1].answers for period in periods):
        return (ReachLimit(limit="repeats", value=limits.repeats),)
    if any(_is_loop(state.messages[:-1], period, limits.repeats) for period in periods):
        return tuple(reject(call, _CODE, _TEXT) for call in calls)
    return ()


def _is_loop(messages: Sequence[Message], period: int, repeats: int) -> bool:
    """Were the last steps so many rounds of so many steps, each like the one before?"""
    wanted = period * repeats
    seen: list[Round] = []
    for step in islice(rounds(messages), wanted):
        if len(seen) >= period and not _same(seen[len(seen) - period], step):
            return False
        seen.append(step)
    return len(seen) == wanted


def rounds(messages: Sequence[Message]) -> Iterator[Round]:
    """The newest first, up to one that is no reply with calls: whatever else is said begins something new."""
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
    """The same tools with the same arguments, however they are spaced."""
    calls, others = one.tool_calls, other.tool_calls
    return [call.name for call in calls] == [call.name for call in others] and all(
        mine.arguments == theirs.arguments or _plain(mine.arguments) == _plain(theirs.arguments)
        for mine, theirs in zip(calls, others, strict=True)
    )


def _plain(arguments: str) -> JSON:
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
