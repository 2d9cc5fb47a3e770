"""The completion script of fish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from journeyman.cli.completion.tree import Option, Place, Value


def fish_script(places: Sequence[Place]) -> str:
    """Return the script for fish."""
    helps = {place.path: place.help for place in places}
    lines = ["# Completion of journeyman. It was made by `journeyman completion fish`.", "complete -c journeyman -f"]
    for place in places:
        lines += _lines(place, helps)
    return "\n".join(lines) + "\n"


def _lines(place: Place, helps: dict[tuple[str, ...], str]) -> Iterator[str]:
    here = f"complete -c journeyman -n {_quoted(_condition(place))}"
    for name in place.commands:
        yield f"{here} -a {name} -d {_quoted(helps[(*place.path, name)])}"
    for option in place.options:
        yield f"{here} {_option(option)}"
    for value in place.arguments:
        if found := _values(value):
            yield f"{here} {found}"


def _condition(place: Place) -> str:
    """Return the condition that the line so far names this place and none below it."""
    if not place.path:
        return "__fish_use_subcommand"
    seen = [f"__fish_seen_subcommand_from {word}" for word in place.path]
    below = [f"not __fish_seen_subcommand_from {' '.join(place.commands)}"] if place.commands else []
    return "; and ".join((*seen, *below))


def _option(option: Option) -> str:
    name = option.name.removeprefix("--")
    text = f"-l {name} -d {_quoted(option.help)}"
    if option.value is None:
        return text
    return f"{text} {'-r' if option.value.files else '-x'} {_values(option.value)}".rstrip()  # -x: no files


def _values(value: Value) -> str:
    """Return how fish finds these values. Returns "" if it cannot know them."""
    if value.names:
        return f"-a '(journeyman completion --names {value.names} 2>/dev/null)'"
    if value.words:
        return f"-a {_quoted(' '.join(value.words))}"
    return "-F" if value.files else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
