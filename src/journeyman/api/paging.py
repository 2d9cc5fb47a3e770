"""Pages: one row more than asked for is read, to know whether there is a next page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.responses import Response

from journeyman.api import cursor as cursors
from journeyman.api.replies import page

T = TypeVar("T")


def cut(rows: Sequence[T], limit: int, kind: str, place: Callable[[T], str | int]) -> tuple[Sequence[T], str | None]:
    """The rows to show of `limit + 1` read, and the cursor of the next page."""
    if len(rows) <= limit:
        return rows, None
    shown = rows[:limit]
    return shown, cursors.encode(kind, place(shown[-1]))


def page_by_name(
    kind: str, things: Mapping[str, T], cursor: str | None, limit: int, answer: Callable[[T], Any]
) -> Response:
    """A page of what is in memory, in the order of names."""
    after = cursors.text_place(kind, cursor)
    names = sorted(name for name in things if after is None or name > after)
    shown, following = cut(names[: limit + 1], limit, kind, lambda name: name)
    return page([answer(things[name]) for name in shown], following)
