"""What can follow each command."""

from __future__ import annotations

from journeyman.cli.completion.tree import Option, Place, Value, places

PLACES = {place.path: place for place in places()}


def option(place: Place, name: str) -> Option:
    return next(each for each in place.options if each.name == name)


def test_every_command_of_a_group_has_its_place() -> None:
    for path, place in PLACES.items():
        assert all((*path, name) in PLACES for name in place.commands)
    assert {("runs", "show"), ("serve",), ("completion",)} <= PLACES.keys()


def test_values_are_known_by_the_name_of_their_parameter() -> None:
    assert PLACES["runs", "show"].arguments == (Value(names="runs"),)
    assert option(PLACES["runs", "list"], "--agent").value == Value(names="agents")
    assert option(PLACES["runs", "list"], "--status").value is not None
    assert option(PLACES["runs", "list"], "--json").value is None
    assert [value.names for value in PLACES["approvals", "answer"].arguments[:1]] == ["approvals"]
    assert PLACES["approvals", "answer"].arguments[1].words[0] == "approve"
    assert option(PLACES["serve",], "--port").value == Value()
    assert option(PLACES["serve",], "--no-watch").value is None
