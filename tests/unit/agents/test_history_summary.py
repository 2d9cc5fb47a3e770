"""Which messages are summarised when the window is full, and the request for the summary."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.agents.history_summary import summary_action
from journeyman.agents.history_window import KEEP, SUMMARY, context_window, estimated_tokens
from journeyman.agents.spec import AgentSpec, History, ModelSettings
from journeyman.events.events import HistorySummarized
from journeyman.events.fold import AgentState, apply
from journeyman.events.messages import ImagePart, Message, user
from journeyman.events.state import Summary
from tests.unit.agents.test_history_window import OWN, pinned, state_of, turn


def spec_of(when_full: str = "summarize", **history: int) -> AgentSpec:
    policy = msgspec.convert({"when_full": when_full, **history}, History)
    return AgentSpec(type="react_agent", name="a", model=ModelSettings(name="m", temperature=0.5), history=policy)


def full(**changes: object) -> AgentState:
    state = state_of([message for number in range(5) for message in turn(number)])
    return msgspec.structs.replace(state, **changes)


def test_nothing_is_summed_up_while_all_fits_or_by_an_agent_that_trims() -> None:
    assert summary_action(full(), spec_of(max_messages=20), "m") is None
    assert summary_action(full(), spec_of("trim", max_messages=5), "m") is None
    assert summary_action(full(summary=Summary(failed=True)), spec_of(max_messages=5), "m") is None


def test_what_the_model_is_asked() -> None:
    picture = Message(role="user", content=(ImagePart("data:,"),))
    history = [*turn(0, calls=1), picture, pinned("Always French."), *turn(1), *turn(2)]
    state = msgspec.structs.replace(state_of(history), summary=Summary(text="Before.", made=2))
    action = summary_action(state, spec_of(max_messages=6), "m")
    assert action is not None
    assert (action.call, action.first_no, action.last_no) == ("s3", 1, 8)
    request = action.request
    assert (request.model, request.temperature, request.tools) == ("m", 0.5, ())
    text = request.messages[1].text
    assert text.index("Before.") < text.index("user: q0") < text.index("[calls t with {}]") < text.index("tool t: rrrr")
    assert "user: [picture]" in text
    assert "French" not in text, "it is shown as it is"
    assert "q2" not in text


def test_a_summary_stands_in_front_and_counts() -> None:
    state = full(summary=Summary(text="Before."))
    first_no, messages = context_window(state, History(max_messages=12))
    assert first_no == 1
    assert messages[0].role == "user"
    assert messages[0].text.startswith(SUMMARY)
    assert messages[1:] == (*state.history, *OWN)
    assert context_window(state, History(max_messages=11))[0] > 1


@settings(max_examples=100, deadline=None, database=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12),
    st.integers(1, 30),
    st.integers(100, 400),
    st.integers(1, 50),
    st.sampled_from(["", "Before."]),
)
def test_what_is_summed_up_and_what_is_sent_are_the_thread(
    plan: list[tuple[int, bool]], most: int, tokens: int, first: int, earlier: str
) -> None:
    history: list[Message] = []
    for number, (calls, pin) in enumerate(plan):
        begin, *rest = turn(number, calls)
        history += [msgspec.structs.replace(begin, pinned=pin), *rest]
    nos = tuple(first + place for place, message in enumerate(history) if message.pinned)
    state = msgspec.structs.replace(state_of(history, OWN, first), pinned_nos=nos, summary=Summary(text=earlier))
    spec = spec_of(max_messages=most, max_tokens=tokens)
    action = summary_action(state, spec, "m")
    cut = 0
    if action is not None:
        cut = action.last_no - first + 1
        assert action.first_no == first
        assert 0 < cut <= len(history)
        assert cut == len(history) or history[cut].role == "user", "whole turns"
        assert action.most_tokens <= tokens * (1 - KEEP)
        made = HistorySummarized(first_no=action.first_no, last_no=action.last_no, text="New.")
        state = apply(state, 1, 1, made)
    first_no, messages = context_window(state, spec.history)
    if action is None:
        cut = first_no - first
        assert all(message.pinned for message in history[:cut])
    kept = [message for message in history[:cut] if message.pinned]
    said = [user(messages[0].text)] if action is not None or earlier else []
    if first_no == first + cut:
        assert messages == (*said, *kept, *history[cut:], *OWN)
    else:  # the new summary itself left no room for the turn behind it: that is summed up next
        again = summary_action(state, spec, "m")
        gone = history[cut : first_no - first]
        assert all(message.pinned for message in gone) if again is None else again.first_no == first + cut


def test_a_summary_that_failed_counts_and_changes_nothing_else() -> None:
    before = full(summary=Summary(text="Before."))
    after = apply(before, 1, 1, HistorySummarized(first_no=1, last_no=2, text=""))
    assert after.first_no == before.first_no
    assert after.summary == Summary(text="Before.", failed=True)
    assert estimated_tokens(context_window(after, History())[1][0]) > 10
