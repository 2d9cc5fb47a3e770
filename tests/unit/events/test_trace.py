from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.events.trace import TraceContext, header, parsed, run_span, step_span, trace_of
from journeyman.ids import RandomIds

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize("sent", [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-01-what-comes"])
def test_a_callers_place(sent: str) -> None:
    assert parsed(sent) == TraceContext(TRACE, SPAN)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_what_is_no_header_begins_anew(sent: str) -> None:
    assert parsed(sent) is None


@given(st.text(max_size=20), st.text(max_size=10), st.integers(0, 5))
def test_ids_are_valid_and_always_the_same(run_id: str, call: str, attempt: int) -> None:
    trace_id, span_id = trace_of(run_id, None), step_span(run_id, call, attempt)
    assert parsed(header(trace_id, span_id)) == TraceContext(trace_id, span_id)
    assert trace_of(run_id, TRACE) == TRACE
    assert (trace_of(run_id, None), step_span(run_id, call, attempt)) == (trace_id, span_id)
    assert run_span(run_id) != span_id


def test_a_runs_own_trace_has_the_digits_of_its_id() -> None:
    run_id = RandomIds().new("run")
    assert trace_of(run_id, None) == run_id.removeprefix("run_")
