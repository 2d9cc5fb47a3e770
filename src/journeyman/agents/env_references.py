"""Replaces the values of environment variables by `${NAME}` in stored definitions, and puts them back. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from string import Template

from journeyman.errors import ConfigurationError
from journeyman.events.messages import JSON
from journeyman.masking import is_secret


def with_references(value: JSON, variables: Mapping[str, str]) -> tuple[JSON, list[str]]:
    """Return plain data with references in its texts, not in its keys, and the names of the variables used.

    Every other `$` becomes `$$`.
    """
    names = _names(variables)
    used: set[str] = set()

    def reference(match: re.Match[str]) -> str:
        if match[0] == "$":
            return "$$"
        used.add(names[match[0]])
        return f"${{{names[match[0]]}}}"

    search = _any_of(("$", *names))
    changed = _with_texts(value, lambda text: search.sub(reference, text))
    return changed, sorted(used)


def resolved_references(value: JSON, variables: Mapping[str, str]) -> JSON:
    """Return plain data with values in the place of references: the inverse of `with_references`."""
    return _with_texts(value, lambda text: Template(text).substitute(variables))


def variable_values(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the values of these variables. Raises ConfigurationError with the names of those that are not set."""
    found = {name: environment.get(name, "") for name in names}
    if missing := [name for name, value in found.items() if not value]:
        raise ConfigurationError(
            f"A stored definition needs the environment variable {', '.join(missing)}, which is not set: set it again."
        )
    return found


def redacted_text(text: str, variables: Mapping[str, str]) -> str:
    """Return a text for people, with references in the place of values. All else, `$` too, stays as it is."""
    names = _names(variables)
    return _any_of(names).sub(lambda match: f"${{{names[match[0]]}}}", text) if names else text


def _names(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the name for each value that is long enough. Of two names with one value, the first in order is used."""
    return {value: name for name, value in sorted(variables.items(), reverse=True) if is_secret(value)}


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))


def _with_texts(value: JSON, change: Callable[[str], str]) -> JSON:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _with_texts(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_texts(item, change) for item in value]
    return value
