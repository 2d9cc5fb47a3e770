"""Cursors: what was given comes back, and nothing else does."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.api import paging as cursor
from journeyman.api.problems import RequestError


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
def test_round_trip(place: str) -> None:
    assert cursor.text_place("threads", cursor.encode_cursor("threads", place)) == place


@given(st.text())
def test_nonsense_is_refused_and_nothing_worse(text: str) -> None:
    for read in (cursor.text_place, cursor.number_place):
        with suppress(RequestError):
            read("runs", text)


@pytest.mark.parametrize("place", ["-1", "1.5", "٣", "9" * 17, "9007199254740993", "x"])
def test_numbers(place: str) -> None:
    with pytest.raises(RequestError):
        cursor.number_place("runs", cursor.encode_cursor("runs", place))


def test_a_cursor_belongs_to_its_list() -> None:
    with pytest.raises(RequestError):
        cursor.text_place("runs", cursor.encode_cursor("threads", "a"))
    assert cursor.number_place("runs", cursor.encode_cursor("runs", 7)) == 7
    assert cursor.number_place("runs", None) is None


def test_a_place_in_time_comes_back() -> None:
    assert cursor.timed_place("newest", cursor.encode_cursor("newest", "17:ann/a:b")) == (17, "ann/a:b")
    assert cursor.timed_place("newest", None) is None
    for place in ("17", "x:ann/a", "17:", "9" * 19 + ":a"):
        with pytest.raises(RequestError):
            cursor.timed_place("newest", cursor.encode_cursor("newest", place))
