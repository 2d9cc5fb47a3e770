"""The page on surroundings is the one that its tests declare."""

from __future__ import annotations

from tests.surroundings import table


def test_the_page_has_the_cells_that_the_tests_declare() -> None:
    """To renew it: `python -m tests.surroundings.table`."""
    assert table.PAGE.read_text() == table.page_with(table.table())
