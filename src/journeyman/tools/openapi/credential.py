"""Credentials of an API, and how a request carries them. An argument of a call can replace none of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from urllib.parse import unquote_plus

import msgspec

from journeyman.tools.openapi.value_text import quoted


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A header or a query parameter that authenticates requests. Its `repr` does not show the value."""

    place: Literal["header", "query"] = "header"
    name: str
    value: str

    def __repr__(self) -> str:
        return f"Credential({self.place} {self.name!r}, ***)"


def headers_with(headers: dict[str, str], credentials: Iterable[Credential]) -> dict[str, str]:
    """Return the headers with those that are credentials, which replace others of their names."""
    given = {each.name: each.value for each in credentials if each.place == "header"}
    replaced = {name.lower() for name in given}
    return {**{name: value for name, value in headers.items() if name.lower() not in replaced}, **given}


def url_with(url: str, credentials: Iterable[Credential]) -> str:
    """Return the URL with the query parameters that are credentials, which replace others of their names."""
    given = {each.name: each.value for each in credentials if each.place == "query"}
    if not given:
        return url
    address, _, query = url.partition("?")
    others = [pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in given]
    return f"{address}?{'&'.join([*others, *(f'{quoted(name)}={quoted(value)}' for name, value in given.items())])}"
