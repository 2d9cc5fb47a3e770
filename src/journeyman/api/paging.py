"""Pages and their cursors. A cursor is opaque to clients and only valid for the list that made it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.responses import Response

from journeyman.api.problems import RequestError
from journeyman.api.responses import page
from journeyman.api.schemas.runs import LARGEST_INTEGER

T = TypeVar("T")


def encode_cursor(kind: str, place: str | int) -> str:
    """Make a cursor of the list `kind` for the items after `place`."""
    return base64.urlsafe_b64encode(f"{kind}:{place}".encode()).rstrip(b"=").decode()


def text_place(kind: str, cursor: str | None) -> str | None:
    """Return the place after which a page starts; None without a cursor.

    Raises RequestError (422, `invalid_cursor`).
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found, colon, place = base64.b64decode(padded, b"-_", validate=True).decode().partition(":")
    except (UnicodeError, binascii.Error, ValueError) as exc:
        raise _invalid_cursor() from exc
    if not colon or found != kind or not place or "\x00" in place:
        raise _invalid_cursor()
    return place


def number_place(kind: str, cursor: str | None) -> int | None:
    """Return the place after which a page of a list in numeric order starts; None without a cursor.

    Raises RequestError (422, `invalid_cursor`).
    """
    place = text_place(kind, cursor)
    if place is None:
        return None
    if not (place.isascii() and place.isdigit() and len(place) < 17 and int(place) <= LARGEST_INTEGER):
        raise _invalid_cursor()
    return int(place)


def timed_place(kind: str, cursor: str | None) -> tuple[int, str] | None:
    """Return the place, a time and a name, after which a page of a list in order of time starts; None without a cursor.

    Raises RequestError (422, `invalid_cursor`).
    """
    place = text_place(kind, cursor)
    if place is None:
        return None
    at, colon, name = place.partition(":")
    if not (colon and name and at.isascii() and at.isdigit() and len(at) < 19):
        raise _invalid_cursor()
    return int(at), name


def _invalid_cursor() -> RequestError:
    return RequestError(
        "This cursor does not belong to this list. Use `next_cursor` of its previous page, or no cursor.",
        code="invalid_cursor",
        path="query.cursor",
    )


def cut(rows: Sequence[T], limit: int, kind: str, place: Callable[[T], str | int]) -> tuple[Sequence[T], str | None]:
    """Return the rows of one page, of `limit + 1` rows that were read, and the cursor of the next page.

    The cursor is None on the last page.
    """
    if len(rows) <= limit:
        return rows, None
    shown = rows[:limit]
    return shown, encode_cursor(kind, place(shown[-1]))


def page_by_name(
    kind: str, things: Mapping[str, T], cursor: str | None, limit: int, answer: Callable[[T], Any]
) -> Response:
    """Answer with a page of things that are in memory, in the order of their names."""
    after = text_place(kind, cursor)
    names = sorted(name for name in things if after is None or name > after)
    shown, following = cut(names[: limit + 1], limit, kind, lambda name: name)
    return page([answer(things[name]) for name in shown], following)
