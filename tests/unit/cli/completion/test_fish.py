"""The completion script of fish."""

from __future__ import annotations

from journeyman.cli.completion.fish import fish_script
from journeyman.cli.completion.tree import Option, Place, Value


def test_each_place_has_its_lines() -> None:
    places = [
        Place((), "", ("runs",)),
        Place(("runs",), "List runs", ("show",)),
        Place(("runs", "show"), "Show a run's state", (), (Option("--at", "A seq", Value()),), (Value(names="runs"),)),
    ]
    start = "complete -c journeyman -n"
    runs = "'__fish_seen_subcommand_from runs; and not __fish_seen_subcommand_from show'"
    show = "'__fish_seen_subcommand_from runs; and __fish_seen_subcommand_from show'"
    assert fish_script(places).splitlines()[2:] == [
        f"{start} '__fish_use_subcommand' -a runs -d 'List runs'",
        f"{start} {runs} -a show -d 'Show a run\\'s state'",
        f"{start} {show} -l at -d 'A seq' -x",
        f"{start} {show} -a '(journeyman completion --names runs 2>/dev/null)'",
    ]
