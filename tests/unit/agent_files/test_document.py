"""Locations of keys and values in a file."""

from __future__ import annotations

from journeyman.agent_files.document import Document, SourceLocation

DOCUMENT = Document(
    data={"tools": [{"name": "look"}], "mine": 1},
    file="agent.yaml",
    keys={("tools",): SourceLocation(3, 1), ("tools", 0, "name"): SourceLocation(4, 5)},
    values={("tools",): SourceLocation(4, 3), ("tools", 0, "name"): SourceLocation(4, 11)},
    unusable=frozenset([("tools", 0)]),
    sources={"mine": "the environment"},
)


def test_a_value_and_its_key_have_places_of_their_own() -> None:
    assert DOCUMENT.location(("tools", 0, "name")) == (4, 11)
    assert DOCUMENT.location(("tools", 0, "name"), key=True) == (4, 5)


def test_what_has_no_place_stands_at_the_nearest_thing_around_it() -> None:
    assert DOCUMENT.location(("tools", 0, "effects")) == (4, 3)
    assert DOCUMENT.location(("tools", 7), key=True) == (3, 1)
    assert Document(data={}).location(("tools",)) is None


def test_a_problem_names_the_location_or_where_the_value_came_from() -> None:
    problem = DOCUMENT.problem(("tools", 0, "name"), "no such tool", "remove it")
    assert str(problem) == "agent.yaml:4:11: no such tool (remove it)"
    assert DOCUMENT.problem(("mine",), "wrong").file == "the environment"


def test_below_a_problem_nothing_is_usable() -> None:
    assert DOCUMENT.is_unusable(("tools", 0, "name"))
    assert not DOCUMENT.is_unusable(("tools", 1))
    assert not Document(data={}).is_unusable(("tools",))
