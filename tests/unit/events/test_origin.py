from __future__ import annotations

from journeyman.events.events import RunAccepted
from journeyman.events.fold import AgentState, apply
from journeyman.events.origin import RequestOrigin
from journeyman.events.quota import Quota

ORIGIN = RequestOrigin("req_1", "a" * 32, "b" * 16, "key_1", Quota(concurrent_runs=1), "key:key_1")
ACCEPTED = RunAccepted(thread="ann/t", principal="ann", agent="a")


def test_events_keep_flat_fields_without_the_quota() -> None:
    event = ORIGIN.recorded_in(ACCEPTED)
    assert (event.request_id, event.trace_id, event.caller_span, event.key) == ("req_1", "a" * 32, "b" * 16, "key_1")
    assert RequestOrigin.of(event) == RequestOrigin("req_1", "a" * 32, "b" * 16, "key_1", credential="key:key_1")


def test_the_state_has_the_origin_of_its_run() -> None:
    state = apply(AgentState(run_id="r"), 1, 1, ORIGIN.recorded_in(ACCEPTED))
    assert state.origin == RequestOrigin("req_1", "a" * 32, "b" * 16, "key_1", credential="key:key_1")
    assert (state.request_id, state.trace_id, state.key) == ("req_1", "a" * 32, "key_1")


def test_a_child_has_its_parent_above_it_in_the_trace() -> None:
    child = ORIGIN.for_child()
    assert (child.request_id, child.trace_id, child.caller_span, child.key) == ("req_1", "a" * 32, None, "key_1")
