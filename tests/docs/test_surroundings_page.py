"""The page on surroundings is the one that its tests declare."""

from __future__ import annotations

from tests.surroundings import table


def test_the_page_has_the_cells_that_the_tests_declare() -> None:
    """To renew it: `python -m tests.surroundings.table`."""
    assert table.PAGE.read_text() == table.page_with(table.table())


def test_each_neighbour_has_a_test_at_each_moment() -> None:
    declared = {(row.cell.neighbour, row.cell.moment) for row in table.rows()}
    assert declared == {(neighbour, moment) for neighbour in table.NEIGHBOURS for moment in table.MOMENTS}


def test_no_row_is_there_twice_and_no_file_skips_a_test() -> None:
    rows = table.rows()
    places = [(row.place, row.cell.case, row.test) for row in rows]
    assert len(set(places)) == len(places)
    assert not [row.file for row in rows if "pytest.skip" in (table.ROOT / row.file).read_text()]
