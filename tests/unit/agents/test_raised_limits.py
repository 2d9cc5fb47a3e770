from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agents.decision import AskHuman, ReachLimit
from journeyman.agents.limits import effective_limits, exceeded, lower_limits, reached_action, remaining_limits
from journeyman.agents.raised_limits import (
    actions_at_question,
    check_new_limit,
    highest_value,
    is_answered,
    raised_limits,
)
from journeyman.agents.spec import AgentSpec, LimitAsk, Limits, ModelSettings, NewerDefinitionError, OnReached
from journeyman.errors import ValidationError
from journeyman.events.events import AskedLimit, Bounds, LimitReached
from journeyman.events.fold import AgentState, replace
from journeyman.events.limit_questions import LimitQuestion
from journeyman.events.messages import JSON, Usage

ASK = LimitAsk(ask=True)
STEPS = Limits(steps=3, on_reached=OnReached(steps=ASK))
ALL = OnReached(steps=ASK, tool_calls=ASK, tokens=ASK, cost_usd=ASK, repeats=ASK)
BOUNDS = Bounds(steps=5, tool_calls=9, seconds=9.0, tokens=500, cost_usd=1.0)


@pytest.mark.parametrize(
    ("limits", "raised", "steps"),
    [
        (STEPS, {}, 3),
        (STEPS, {"steps": 5.0}, 5),
        (STEPS, {"steps": 50}, 6),
        (Limits(steps=8, on_reached=OnReached(steps=ASK)), {"steps": 5}, 8),
        (Limits(steps=3, on_reached=OnReached()), {"steps": 5}, 3),
        (Limits(steps=3), {"steps": 5}, 3),
    ],
)
def test_a_raised_limit_is_within_what_the_definition_allows(
    limits: Limits, raised: dict[str, float], steps: int
) -> None:
    value = raised_limits(limits, AgentState(raised=raised)).steps
    assert (value, type(value)) == (steps, int)


def test_a_limit_that_is_not_there_is_not_raised() -> None:
    limits = Limits(tokens=None, on_reached=ALL)
    assert raised_limits(limits, AgentState(raised={"tokens": 5})).tokens is None
    assert raised_limits(limits, AgentState(raised={"repeats": 5})).repeats == 0


@pytest.mark.parametrize(
    ("bounds", "raised", "up_to"),
    [
        (None, {}, 6),
        (None, {"steps": 5}, 6),
        (None, {"steps": 6}, None),
        (BOUNDS, {}, 5),
        (BOUNDS, {"steps": 5}, None),
        (replace(BOUNDS, steps=2), {}, None),
        (replace(BOUNDS, steps=0), {}, None),
    ],
)
def test_a_run_asks_until_its_highest_value_and_a_child_within_its_bounds(
    bounds: Bounds | None, raised: dict[str, float], up_to: int | None
) -> None:
    action = exceeded(AgentState(model_calls=9, bounds=bounds, raised=raised), STEPS)
    assert action is not None
    if up_to is None:
        assert isinstance(action, ReachLimit)
        assert action.then == "stop"
    else:
        assert isinstance(action, AskHuman)
        assert action.limit is not None
        assert (action.limit.up_to, action.arguments) == (up_to, {"steps": up_to})


@pytest.mark.parametrize(
    ("bounds", "asks"),
    [
        (None, 200),
        (BOUNDS, None),  # the parent counts all tokens, and has none left
        (replace(BOUNDS, tokens=5000), 200),
        (replace(BOUNDS, tokens=150, count_uncached=True), 150),
        (replace(BOUNDS, tokens=110, count_uncached=True), None),
        (replace(BOUNDS, tokens=None), 200),
    ],
)
def test_tokens_of_the_parent_are_never_raised(bounds: Bounds | None, asks: int | None) -> None:
    state = AgentState(usage=Usage(1000, 60, 950), uncached_tokens=50, bounds=bounds)
    action = exceeded(state, Limits(tokens=100, on_reached=ALL))
    asked = action.limit if isinstance(action, AskHuman) else None
    assert (asked.up_to if asked else None) == asks


def test_a_limit_that_ends_the_run_goes_before_one_that_asks() -> None:
    state = AgentState(model_calls=9, tool_calls=99)
    limits = Limits(steps=3, tool_calls=3, on_reached=OnReached(tool_calls=ASK, steps="stop"))
    assert exceeded(state, limits) == ReachLimit(limit="steps", value=3)


def test_a_child_may_use_what_was_raised() -> None:
    state = AgentState(model_calls=3, raised={"steps": 5, "tokens": 150, "cost_usd": 1.5})
    left = remaining_limits(state, Limits(steps=3, tokens=100, on_reached=ALL))
    assert (left.steps, left.tokens, left.cost_usd) == (2, 150, 1.5)


ASKED = AskedLimit("cost_usd", 1.0, 5.0)


@pytest.mark.parametrize("value", [1.01, 2, 5, 5.0])
def test_a_value_above_the_limit_is_taken(value: JSON) -> None:
    check_new_limit(ASKED, {"cost_usd": value})


@pytest.mark.parametrize("value", [1, 1.0, 0, -3, 5.01, 10**400, "2", None, False, [2], {"cost_usd": 2}])
def test_another_value_is_refused_with_what_is_possible(value: JSON) -> None:
    with pytest.raises(ValidationError, match=r"more than 1.* at most 5"):
        check_new_limit(ASKED, {"cost_usd": value})


def test_a_question_holds_the_run_and_a_denial_stops_it() -> None:
    asked = AskedLimit("steps", 3, 6)
    open_one = LimitQuestion("a", asked)
    assert actions_at_question(AgentState()) is None
    assert actions_at_question(AgentState(limit_question=open_one)) == ()
    denied = AgentState(limit_question=replace(open_one, status="denied"))
    assert actions_at_question(denied) == (ReachLimit(limit="steps", value=3),)
    assert actions_at_question(AgentState(limit_question=replace(open_one, status="approved"))) is None


@pytest.mark.parametrize(
    ("facts", "answered"),
    [
        ({}, False),
        ({"limit_question": LimitQuestion("a", AskedLimit("tokens", 1, 2))}, True),
        ({"limit_question": LimitQuestion("a", AskedLimit("tokens", 1, 2), "denied")}, True),
        ({"limit_question": LimitQuestion("a", AskedLimit("tokens", 1, 2), "approved")}, False),
        ({"limit": LimitReached(limit="tokens", value=1)}, True),
        ({"raised": {"steps": 4}}, True),
        ({"raised": {"steps": 3}}, False),
    ],
)
def test_a_limit_is_not_asked_about_twice(facts: dict[str, Any], answered: bool) -> None:
    assert is_answered(AskedLimit("steps", 3, 6), AgentState(**facts)) == answered


# --- definitions


def spec(limits: Limits) -> AgentSpec:
    return AgentSpec(type="react_agent", name="a", model=ModelSettings(name="m"), limits=limits)


@given(
    st.builds(LimitAsk, ask=st.just(True), up_to=st.none() | st.floats(1, 99), by=st.sampled_from(["anyone", "other"]))
)
def test_a_stored_definition_keeps_how_it_asks(ask: LimitAsk) -> None:
    stored = spec(Limits(cost_usd=0.5, on_reached=OnReached(cost_usd=ask)))
    assert AgentSpec.decode(stored.encode(), {}) == stored


def test_a_form_of_a_later_release_is_left_to_it() -> None:
    data = spec(STEPS).encode().replace(b'"ask":true', b'"ask":true,"later":1')
    with pytest.raises(NewerDefinitionError):
        AgentSpec.decode(data, {})


REACTIONS = st.sampled_from(["stop", "answer"]) | st.builds(
    LimitAsk,
    ask=st.just(True),
    up_to=st.none() | st.integers(11, 40).map(float),
    by=st.sampled_from(["anyone", "other"]),
)
LIMITS = st.builds(
    Limits,
    steps=st.integers(1, 10),
    repeats=st.integers(0, 10),
    on_reached=st.builds(OnReached, steps=REACTIONS, repeats=REACTIONS),
)


@given(LIMITS, LIMITS)
def test_the_lower_limits_allow_no_more_than_either(one: Limits, other: Limits) -> None:
    lower = lower_limits(one, other)
    assert lower_limits(one, one) == one
    for name in ("steps", "repeats"):
        mine, reactions = getattr(lower.on_reached, name), [getattr(each.on_reached, name) for each in (one, other)]
        asks = [each for each in reactions if isinstance(each, LimitAsk)]
        assert isinstance(mine, LimitAsk) == (len(asks) == 2)
        if isinstance(mine, LimitAsk):
            assert mine.by == ("other" if any(ask.by == "other" for ask in asks) else "anyone")
        elif not asks:
            assert mine == ("stop" if "stop" in reactions else "answer")
    state = AgentState(raised={"steps": 99})
    assert effective_limits(lower, state).steps <= min(effective_limits(each, state).steps for each in (one, other))
    highest = [value for each in (one, other) if (value := highest_value(each, "repeats"))]
    if isinstance(lower.on_reached and lower.on_reached.repeats, LimitAsk) and highest:
        assert highest_value(lower, "repeats") == min(highest)


def test_the_words_of_the_question_name_values_as_people_write_them() -> None:
    limits = Limits(tokens=1_000_000, on_reached=ALL)
    action = reached_action(AgentState(), limits, "tokens", 1_000_000)
    assert isinstance(action, AskHuman)
    assert action.message == (
        "The run has reached its limit `tokens` (1000000). May it go on? `approve` raises the limit to 2000000, or to"
        " the value in `arguments` (more than 1000000, at most 2000000)."
    )
