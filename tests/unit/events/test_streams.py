"""Names of threads, streams and events: formatted and parsed alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from journeyman.events.streams import (
    EventRef,
    ThreadRef,
    event_key_range,
    is_run,
    is_thread,
    last_hidden_key,
    principal_of_stream,
    principal_stream,
    run_of_stream,
    thread_key_of,
    thread_key_range,
    thread_stream,
)

principals = st.text(min_size=1, max_size=20)
thread_ids = st.text("abzABZ019._~:@+=-", min_size=1, max_size=20)


@given(principals, thread_ids)
def test_a_thread_is_parsed_from_its_key_and_its_stream(principal: str, id: str) -> None:
    thread = ThreadRef(principal, id)
    assert thread.key == f"{principal}/{id}"
    assert thread.stream == thread_stream(thread.key) == f"thread:{principal}/{id}"
    assert ThreadRef.parse(thread.key) == thread
    assert thread_key_of(thread.stream) == thread.key


@given(principals, thread_ids)
def test_the_keys_of_a_principals_threads_lie_in_its_range_hidden_ones_first(principal: str, id: str) -> None:
    first, end = thread_key_range(principal)
    hidden, shown = ThreadRef.hidden(principal, id).key, ThreadRef(principal, id).key
    assert hidden == f"{principal}/!{id}"
    assert first < hidden < last_hidden_key(principal) < shown < end


@given(st.sampled_from(["run_1", "thread:ann/t", "principal:ann"]), st.integers(1, 10**6))
def test_an_event_is_parsed_from_its_key(stream: str, seq: int) -> None:
    event = EventRef(stream, seq)
    assert event.key == f"{stream}#{seq}"
    assert EventRef.parse(event.key) == event
    first, end = event_key_range(stream)
    assert first < event.key < end
    assert not first <= EventRef(f"{stream}1", seq).key < end


def test_a_stream_says_whose_it_is() -> None:
    run, thread, principal = "run_1", thread_stream("ann/t"), principal_stream("ann")
    assert [is_run(stream) for stream in (run, thread, principal)] == [True, False, False]
    assert [is_thread(stream) for stream in (run, thread, principal)] == [False, True, False]
    assert [run_of_stream(stream) for stream in (run, thread, principal)] == ["run_1", None, None]
    assert principal == "principal:ann"
    assert principal_of_stream(principal) == "ann"
