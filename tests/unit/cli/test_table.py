"""Tables fit the terminal, whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.cli.table import MIN_WIDTH, fitting_widths, padded, short_cell, table_lines, text_width

RUN = "run_0123456789abcdef0123456789abcdef"


def test_a_table_is_aligned_and_shows_every_kind_of_value() -> None:
    items = [{"name": "a", "tools": ["x", "y"], "note": None}, {"name": "longer", "tools": [], "note": "two\nlines"}]
    assert table_lines(items, ("name", "tools", "note")) == [
        "NAME    TOOLS  NOTE",
        "a       x, y   -",
        "longer  -      two lines",
    ]


def test_in_a_narrow_room_ids_and_long_texts_are_shortened_and_empty_columns_left_out() -> None:
    items = [{"run_id": RUN, "error_code": None, "question": "Where is my order, and when does it come?", "cost": "$1"}]
    assert table_lines(items, ("run_id", "error_code", "question", "cost"), 40) == [
        "RUN ID        QUESTION              COST",
        "run_01234567  Where is my order, …  $1",
    ]


def test_the_last_columns_are_left_out_where_there_is_no_room_at_all() -> None:
    items = [{"run_id": RUN, "question": "x" * 40, "thread_id": "t" * 40}]
    assert table_lines(items, ("run_id", "question", "thread_id"), 30)[1] == "run_01234567  xxxxxxxxxxxxxxx…"


def test_ids_are_shown_with_as_many_digits_as_tell_them_apart() -> None:
    ids = [f"appr_0643a1b2{tail}" for tail in ("c3d41", "c3d52", "c4d53")]
    shown = table_lines([{"approval": id + "0" * 19} for id in ids], ("approval",), 60)[1:]
    assert shown == ["appr_0643a1b2c3d4", "appr_0643a1b2c3d5", "appr_0643a1b2c4d5"]


def test_a_wide_table_shows_whole_values() -> None:
    assert RUN in table_lines([{"run_id": RUN}], ("run_id",))[1]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=12), st.integers(MIN_WIDTH, 200))
def test_widths_fit_and_keep_what_they_can(widths: list[int], room: int) -> None:
    fitting = fitting_widths(widths, room)
    assert sum(fitting) + 2 * (len(fitting) - 1) <= room
    assert all(MIN_WIDTH <= new < old or new == old for new, old in zip(fitting, widths, strict=False))
    if sum(widths) + 2 * (len(widths) - 1) <= room:
        assert fitting == widths


@given(st.text(max_size=30), st.integers(1, 40))
def test_a_cell_has_its_width(text: str, width: int) -> None:
    assert text_width(padded(text, width)) == width


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0)])
def test_the_width_of_a_text_is_that_on_a_terminal(text: str, width: int) -> None:
    assert text_width(text) == width


def test_only_what_is_an_id_or_a_time_is_shortened() -> None:
    assert [short_cell(text) for text in ("run_1", "my_thread", "2026-12-01", RUN + "x")] == [
        "run_1",
        "my_thread",
        "2026-12-01",
        RUN + "x",
    ]
    assert short_cell("2026-12-01T02:03:04.567890Z")[-3:] == ":03"
