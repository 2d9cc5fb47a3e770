"""The number that a command shows while it works."""

from __future__ import annotations

import io

from journeyman.cli.growing_count import PERIOD, GrowingCount


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def counted(out: io.StringIO, **options: bool) -> str:
    now = 0.0
    counter = GrowingCount(out, "threads erased", clock=lambda: now, **options)
    for number in range(0, 1501, 500):
        counter.show(number)
        now += PERIOD / 2
    counter.end()
    return out.getvalue()


def test_it_grows_in_place_and_ends_with_the_last_number() -> None:
    assert counted(Terminal()) == "\r0 threads erased\r1,000 threads erased\r1,500 threads erased\n"


def test_nothing_is_shown_without_a_terminal_or_where_json_is_asked_for() -> None:
    assert counted(io.StringIO()) == ""
    assert counted(Terminal(), is_shown=False) == ""


def test_nothing_is_shown_where_nothing_was_counted() -> None:
    out = Terminal()
    GrowingCount(out, "threads erased").end()
    assert out.getvalue() == ""
