"""Limits that a human may raise: how high, how the human is asked, and what an answer may say. Pure."""

from __future__ import annotations

import msgspec

from journeyman.agents.decision import Action, AskHuman, ReachLimit
from journeyman.agents.spec import LimitAsk, Limits, OnReached, Reaction
from journeyman.errors import ValidationError
from journeyman.events.events import Answerer, AskedLimit
from journeyman.events.fold import AgentState
from journeyman.events.limit_questions import is_number
from journeyman.events.messages import JSON

COUNTS = ("steps", "tool_calls", "tokens", "repeats")  # whole numbers


def raised_limits(limits: Limits, state: AgentState) -> Limits:
    """Return the limits of an agent with those that humans have raised in this run. None gets higher than its `up_to`.

    A limit counts as raised only if the definition lets the run ask, since a fork may have another definition.
    """
    raised = {name: _raised(limits, name, value) for name, value in state.raised.items()}
    return msgspec.structs.replace(limits, **raised) if raised else limits


def _raised(limits: Limits, name: str, value: float) -> float | None:
    own: float | None = getattr(limits, name)
    most = highest_value(limits, name)
    if own is None or most is None:
        return own
    return limit_value(name, min(max(own, value), most))


def highest_value(limits: Limits, name: str) -> float | None:
    """Return the value up to which the limit may be raised: by default twice the limit. None: it never is."""
    own, reaction = getattr(limits, name), _reaction(limits, name)
    if own is None or not isinstance(reaction, LimitAsk):
        return None
    return limit_value(name, 2 * own if reaction.up_to is None else reaction.up_to)


def limit_value(name: str, value: float) -> float:
    """Return the value as the limit has it: a whole number if it counts something."""
    return int(value) if name in COUNTS else value


def reach_limit(limits: Limits, name: str, value: float, most: float | None) -> ReachLimit | AskHuman:
    """Return what the run does at a limit that is reached: what the agent's file says.

    `most` is the value up to which the limit may be raised. At that value, or if it is None, a run does not ask.
    """
    reaction = _reaction(limits, name)
    if not isinstance(reaction, LimitAsk):
        return ReachLimit(limit=name, value=value, then=reaction)
    if most is None or value >= most:
        return ReachLimit(limit=name, value=value)
    return _question(AskedLimit(name, value, most), reaction)


def _reaction(limits: Limits, name: str) -> Reaction | LimitAsk:
    reaction: Reaction | LimitAsk = getattr(limits.on_reached, name) if limits.on_reached else "stop"
    return reaction


def _question(asked: AskedLimit, reaction: LimitAsk) -> AskHuman:
    value, most = f"{asked.value:.12g}", f"{asked.up_to:.12g}"
    message = (
        f"The run has reached its limit `{asked.name}` ({value}). May it go on? `approve` raises the limit to {most},"
        f" or to the value in `arguments` (more than {value}, at most {most})."
    )
    return AskHuman(
        call=asked.name,
        kind="limit",
        tool="",
        arguments={asked.name: asked.up_to},
        message=message,
        args_hash="",
        decisions=("approve", "deny"),
        answerer=reaction.by,
        limit=asked,
    )


def actions_at_question(state: AgentState) -> tuple[Action, ...] | None:
    """Return what a run does in the place of its agent's decision, because a human is asked about a limit.

    While the question is open, nothing new begins. A limit that a human does not raise stops the run. None: the agent
    decides.
    """
    question = state.limit_question
    if question is None or question.status == "approved":
        return None
    if question.status == "waiting":
        return ()
    return (ReachLimit(limit=question.asked.name, value=question.asked.value),)


def is_answered(asked: AskedLimit, state: AgentState) -> bool:
    """Return whether a question about a limit need not be asked: another one is open, or the limit is no longer this.

    Branches of a graph, and the code of its nodes, reach a limit beside each other.
    """
    is_open = state.limit_question is not None and state.limit_question.status != "approved"
    return is_open or state.limit is not None or state.raised.get(asked.name, asked.value) > asked.value


def check_new_limit(asked: AskedLimit, arguments: dict[str, JSON]) -> None:
    """Check what a human answers to the question about a limit. Raises ValidationError."""
    name, value = asked.name, arguments.get(asked.name)
    lowest, highest = f"{asked.value:.12g}", f"{asked.up_to:.12g}"
    expected = f'`arguments` must be {{"{name}": N}} with '
    if not is_number(value) or len(arguments) != 1:
        raise ValidationError(f"{expected}a number N of more than {lowest} and at most {highest}.")
    if not asked.value < value <= asked.up_to:
        raise ValidationError(
            f"The new value of `{name}` must be more than {lowest}, which is its value now, and at most {highest}."
        )
    if name in COUNTS and value != int(value):
        raise ValidationError(f"{expected}a whole number N: `{name}` counts.")


def strictest_reactions(limits: Limits, others: Limits) -> OnReached | None:
    """Return `on_reached` of `limits` with the stricter reaction at each limit: `stop`, then `answer`, then to ask.

    None stays None, since it also tells how tokens count.
    """
    mine, theirs = limits.on_reached, others.on_reached
    if mine is None or theirs is None:
        return mine
    names = OnReached.__struct_fields__
    return msgspec.structs.replace(mine, **{name: _stricter(limits, others, name) for name in names})


def _stricter(limits: Limits, others: Limits, name: str) -> Reaction | LimitAsk:
    mine, theirs = _reaction(limits, name), _reaction(others, name)
    if isinstance(mine, LimitAsk) and isinstance(theirs, LimitAsk):
        return _stricter_ask(limits, others, name, mine, theirs)
    words = [reaction for reaction in (mine, theirs) if not isinstance(reaction, LimitAsk)]
    return "stop" if "stop" in words else "answer"


def _stricter_ask(limits: Limits, others: Limits, name: str, mine: LimitAsk, theirs: LimitAsk) -> LimitAsk:
    by: Answerer = "other" if "other" in (mine.by, theirs.by) else "anyone"
    own = highest_value(limits, name)
    highest = [value for value in (own, highest_value(others, name)) if value is not None]
    if name == "repeats":  # 0 means no limit
        highest = [value for value in highest if value]
    most = min(highest, default=None)
    if most == own and by == mine.by and (mine.up_to is not None or not _is_lowered(limits, others, name)):
        return mine
    return LimitAsk(ask=True, up_to=most, by=by)


def _is_lowered(limits: Limits, others: Limits, name: str) -> bool:
    """Return whether `others` lower this limit, and with it what twice the limit is."""
    mine, theirs = getattr(limits, name), getattr(others, name)
    if theirs is None or (name == "repeats" and theirs == 0):
        return False
    return mine is None or theirs < mine
