"""Cursors: opaque to clients, bound to the list that made them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.responses import Response

from journeyman.api import paging as cursors
from journeyman.api.problems import RequestError
from journeyman.api.responses import page
from journeyman.api.schemas.runs import LARGEST_INTEGER


def encode_cursor(kind: str, place: str | int) -> str:
    """A cursor of the list `kind` that points behind `place`."""
    return base64.urlsafe_b64encode(f"{kind}:{place}".encode()).rstrip(b"=").decode()


def text_place(kind: str, cursor: str | None) -> str | None:
    """The place a cursor points behind. Raises RequestError (422, `invalid_cursor`)."""
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found, colon, place = base64.b64decode(padded, b"-_", validate=True).decode().partition(":")
    except (UnicodeError, binascii.Error, ValueError) as exc:
        raise _refused() from exc
    if not colon or found != kind or not place or "\x00" in place:
        raise _refused()
    return place


def number_place(kind: str, cursor: str | None) -> int | None:
    """The same, for lists in the order of a number."""
    place = text_place(kind, cursor)
    if place is None:
        return None
    if not (place.isascii() and place.isdigit() and len(place) < 17 and int(place) <= LARGEST_INTEGER):
        raise _refused()
    return int(place)


def _refused() -> RequestError:
    return RequestError(
        "The cursor is not one that this list gave: use `next_cursor` of its last page, or leave it out.",
        code="invalid_cursor",
        path="query.cursor",
    )


T = TypeVar("T")


def cut(rows: Sequence[T], limit: int, kind: str, place: Callable[[T], str | int]) -> tuple[Sequence[T], str | None]:
    """The rows to show of `limit + 1` read, and the cursor of the next page."""
    if len(rows) <= limit:
        return rows, None
    shown = rows[:limit]
    return shown, cursors.encode_cursor(kind, place(shown[-1]))


def page_by_name(
    kind: str, things: Mapping[str, T], cursor: str | None, limit: int, answer: Callable[[T], Any]
) -> Response:
    """A page of what is in memory, in the order of names."""
    after = cursors.text_place(kind, cursor)
    names = sorted(name for name in things if after is None or name > after)
    shown, following = cut(names[: limit + 1], limit, kind, lambda name: name)
    return page([answer(things[name]) for name in shown], following)
