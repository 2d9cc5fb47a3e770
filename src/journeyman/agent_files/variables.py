"""Expands `${NAME}` and `${NAME:-default}` in the texts of a document; `$${` is a literal `${`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from journeyman.agent_files.document import Document, YamlPath
from journeyman.errors import Problem
from journeyman.events.messages import JSON

_REFERENCE = re.compile(r"(?P<literal>\$\$\{)|\$\{(?P<body>[^{}]*)(?P<end>\}?)")
_BODY = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-.*)?", re.DOTALL)


@dataclass(slots=True)
class Expansion:
    """A document with its references replaced, and the values that must not be shown."""

    document: Document
    problems: list[Problem] = field(default_factory=list)
    written: dict[YamlPath, str] = field(default_factory=dict)  # texts with references, as in the file
    variables: dict[str, str] = field(default_factory=dict)  # those that were used: name -> value

    @property
    def secrets(self) -> frozenset[str]:
        """The values that came from the environment."""
        return frozenset(self.variables.values())

    def referenced(self, path: YamlPath) -> frozenset[str]:
        """Return the names of the variables that the texts at `path` and below refer to."""
        texts = (text for at, text in self.written.items() if at[: len(path)] == path)
        bodies = (_BODY.fullmatch(found["body"] or "") for text in texts for found in _REFERENCE.finditer(text))
        return frozenset(body["name"] for body in bodies if body)

    def report(self, path: YamlPath, message: str, remedy: str) -> None:
        """Add a problem. The same problem is not added twice in a row."""
        problem = self.document.problem(path, message, remedy)
        if not self.problems or self.problems[-1] != problem:
            self.problems.append(problem)


def expand(document: Document, environment: Mapping[str, str]) -> Expansion:
    """Replace the references in all texts, but not in keys. An empty variable counts as unset."""
    expansion = Expansion(document)
    data = _expanded(document.data, (), expansion, environment)
    expansion.document = replace(document, data=data)
    return expansion


def texts(value: JSON, path: YamlPath = ()) -> Iterator[tuple[YamlPath, str]]:
    """Yield every text in `value` with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))


def without_references(text: str) -> str:
    """Return the literal part of a text: without references, but with their defaults."""

    def literal(match: re.Match[str]) -> str:
        body = _BODY.fullmatch(match["body"] or "")
        return ((body and body["default"]) or "")[2:]

    return _REFERENCE.sub(literal, text)


def _expanded(value: JSON, path: YamlPath, expansion: Expansion, environment: Mapping[str, str]) -> JSON:
    if isinstance(value, dict):
        return {key: _expanded(item, (*path, key), expansion, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, (*path, index), expansion, environment) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def substitute(match: re.Match[str]) -> str:
        return "${" if match["literal"] else _value(match, path, expansion, environment)

    expansion.written[path] = value
    return _REFERENCE.sub(substitute, value)


def _value(match: re.Match[str], path: YamlPath, expansion: Expansion, environment: Mapping[str, str]) -> str:
    body = _BODY.fullmatch(match["body"]) if match["end"] else None
    if body is None:
        message = "`${` does not begin a reference like ${NAME} or ${NAME:-default}"
        expansion.report(path, message, "write $${ for a literal ${")
        return ""
    value = environment.get(body["name"])
    if value:
        expansion.variables[body["name"]] = value
        return value
    if body["default"] is not None:
        return body["default"][2:]
    name = body["name"]
    remedy = f"set it, or give a default: ${{{name}:-…}}"
    expansion.report(path, f"the environment variable {name} is not set", remedy)
    return ""
