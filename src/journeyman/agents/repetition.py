"""Loop detection: an agent that makes the same calls and gets the same answers several times. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from journeyman.agents.decision import Action
from journeyman.agents.limits import effective_limits, reached_action
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
    explanation; if the model repeats them after that, the limit is reached. Returns an empty tuple if there is no loop.
    """
    if not limits.repeats or not state.messages or any(call.status != "asked" for call in calls):
        return ()
    if "repeats" in state.raised:
        return _actions_above_limit(state, calls, limits)
    reply, earlier = state.messages[-1], rounds(state.messages[:-1])
    latest = list(islice(earlier, LONGEST))
    periods = _periods(latest, reply)
    if any(_REJECTION in latest[period - 1].answers for period in periods):
        return (reached_action(state, limits, "repeats", limits.repeats),)
    if any(_is_loop(rounds(state.messages[:-1]), period, limits.repeats) for period in periods):
        return tuple(reject(call, _CODE, _TEXT) for call in calls)
    return ()


def _actions_above_limit(state: AgentState, calls: Sequence[CallState], limits: Limits) -> tuple[Action, ...]:
    """Detect a loop after a human has allowed more rounds. All rounds that ran count, also those before a rejection.

    If these calls were rejected before, the model knows, and the limit is reached at once.
    """
    repeats, reply = effective_limits(limits, state).repeats, state.messages[-1]
    earlier = list(rounds(state.messages[:-1]))
    ran = [round_ for round_ in earlier if _REJECTION not in round_.answers]
    if not any(_is_loop(ran, period, repeats) for period in _periods(ran[:LONGEST], reply)):
        return ()
    if any(_REJECTION in round_.answers and same_calls(round_.reply, reply) for round_ in earlier):
        return (reached_action(state, limits, "repeats", repeats),)
    return tuple(reject(call, _CODE, _TEXT) for call in calls)


def _periods(latest: Sequence[Round], reply: Message) -> list[int]:
    """Return how many rounds ago the calls of the reply were made before."""
    return [period for period, round_ in enumerate(latest, 1) if same_calls(round_.reply, reply)]


def _is_loop(earlier: Iterable[Round], period: int, repeats: int) -> bool:
    """Return whether the rounds, the newest first, begin with `repeats` equal periods of `period` rounds each."""
    wanted = period * repeats
    seen: list[Round] = []
    for round_ in islice(earlier, wanted):
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
