"""Finds times in prompts that change within a day: each change makes models read the whole conversation anew. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from journeyman.agents.prompt import parse_prompt

if TYPE_CHECKING:
    from jinja2.nodes import Node

_WITHIN_A_DAY = re.compile(r"%[-_0^#]?(?!%|[aAwdbBmyYjUWGuVxDFCghenZz])|%[-_0^#]?$")  # directives finer than a date
_DATES = ("date", "day", "month", "year", "weekday", "isoweekday", "isocalendar", "toordinal", "tzinfo")


def time_within_a_day(text: str) -> int | None:
    """Return the line of the first `now` that shows more than the date; None if there is none.

    `text` is a prompt that compiles.
    """
    if "now" not in text or "{" not in text:
        return None
    lines = [node.lineno for node in _finer(parse_prompt(text), ())]
    return min(lines, default=None)


def _finer(node: Node, parents: tuple[Node, ...]) -> Iterator[Node]:
    """Yield each use of `now` below `node` that shows more than the date. `parents` begin with the outermost node."""
    from jinja2 import nodes  # noqa: PLC0415  loaded already, by parse_prompt

    if isinstance(node, nodes.Name) and node.name == "now" and not _is_date(parents):
        yield node
    for child in node.iter_child_nodes():
        yield from _finer(child, (*parents, node))


def _is_date(parents: tuple[Node, ...]) -> bool:
    from jinja2 import nodes  # noqa: PLC0415  loaded already, by parse_prompt

    match parents:
        case (*_, nodes.Call(args=[nodes.Const(value=str(form))]), nodes.Getattr(attr="strftime")):
            return _WITHIN_A_DAY.search(form.replace("%%", "")) is None
        case (*_, nodes.Getattr(attr=attribute)):
            return attribute in _DATES
    return False
