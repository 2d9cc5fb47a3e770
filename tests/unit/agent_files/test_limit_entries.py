from __future__ import annotations

import pytest

from journeyman.agents.spec import AgentSpec, LimitAsk
from tests.harness.agent_texts import define, defined
from tests.harness.load_context import LoadContextFactory


@pytest.mark.parametrize(
    ("entry", "name", "ask"),
    [
        ("{on_reached: {steps: ask}}", "steps", LimitAsk(ask=True)),
        ("{on_reached: {cost_usd: {ask: true}}}", "cost_usd", LimitAsk(ask=True)),
        (
            "{on_reached: {cost_usd: {ask: true, up_to: 5.0, by: other}}}",
            "cost_usd",
            LimitAsk(ask=True, up_to=5.0, by="other"),
        ),
        ("{repeats: 3, on_reached: {repeats: {ask: true, up_to: 9}}}", "repeats", LimitAsk(ask=True, up_to=9.0)),
        ("{tool_calls: 0, on_reached: {tool_calls: {ask: true, up_to: 1}}}", "tool_calls", LimitAsk(ask=True, up_to=1)),
        ("{on_reached: {tokens: {ask: true, up_to: 1500000}}}", "tokens", LimitAsk(ask=True, up_to=1_500_000)),
    ],
)
def test_a_limit_may_ask(entry: str, name: str, ask: LimitAsk, load_context: LoadContextFactory) -> None:
    spec = defined(f"type: react_agent\nlimits: {entry}", load_context()).spec
    assert getattr(spec.limits.on_reached, name) == ask
    assert AgentSpec.decode(spec.encode(), {}) == spec


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{on_reached: {seconds: ask}}", "no human is asked at the limit of time"),
        ("{on_reached: {seconds: {ask: true, up_to: 5}}}", "no human is asked at the limit of time"),
        ("{on_reached: {seconds: maybe}}", "use 'answer', 'stop'"),
        ("{on_reached: {steps: maybe}}", "use 'answer', 'stop', 'ask'"),
        ("{on_reached: {steps: [ask]}}", "use 'answer', 'stop', 'ask'"),
        ("{on_reached: {steps: {up_to: 50}}}", "`limits.on_reached.steps.ask` is missing"),
        ("{on_reached: {steps: {ask: false}}}", "`limits.on_reached.steps.ask` cannot be this; use true"),
        ("{on_reached: {steps: {ask: true, upto: 50}}}", "did you mean `up_to`?"),
        ("{on_reached: {steps: {ask: true, up_to: many}}}", "`limits.on_reached.steps.up_to` must be a number"),
        ("{on_reached: {steps: {ask: true, by: boss}}}", "use 'anyone', 'other'"),
        ("{on_reached: {steps: {ask: true, up_to: 25}}}", "`up_to` must be more than the limit `steps` of 25"),
        ("{on_reached: {steps: {ask: true, up_to: 30.5}}}", "must be a whole number"),
        ("{tool_calls: 0, on_reached: {tool_calls: ask}}", "twice the limit `tool_calls` of 0 is 0"),
        ("{cost_usd: 0, on_reached: {cost_usd: ask}}", "twice the limit `cost_usd` of 0 is 0"),
        ("{tokens: null, on_reached: {tokens: ask}}", "there is no limit `tokens`"),
        ("{repeats: 0, on_reached: {repeats: ask}}", "there is no limit `repeats`"),
    ],
)
def test_what_can_never_be_asked_is_a_problem_at_its_line(
    entry: str, words: str, load_context: LoadContextFactory
) -> None:
    _, problems = define(f"type: react_agent\nlimits:\n  {entry}\n", load_context())
    assert [problem.line for problem in problems] == [3]
    assert words in f"{problems[0].message}; {problems[0].remedy}"
