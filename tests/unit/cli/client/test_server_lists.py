"""Lists of the HTTP API are read page by page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from journeyman.cli.client.server_lists import PAGE_SIZE, server_items


class Server:
    """A list of numbers, from the one after `after` on. A search ends its first page before it found anything."""

    def __init__(self, count: int, *, partial: bool = False) -> None:
        self.count = count
        self.partial = partial
        self.asked: list[dict[str, list[str]]] = []

    def call(self, method: str, path: str, body: object = None) -> Any:
        query = parse_qs(urlsplit(path).query)
        self.asked.append(query)
        first = int(query.get("cursor", query.get("after", ["0"]))[0])
        if self.partial and "cursor" not in query:
            return {"items": [], "next_cursor": "0", "partial": True}
        last = min(self.count, first + int(query["limit"][0]))
        return {
            "items": [{"no": no} for no in range(first, last)],
            "next_cursor": str(last) if last < self.count else None,
        }


def numbers(server: Any, limit: int, **query: str) -> list[int]:
    return [item["no"] for item in server_items(server, "/things", limit, **query)]


def test_a_long_list_is_read_to_its_end_or_the_limit() -> None:
    server = Server(PAGE_SIZE + 7)
    assert numbers(server, 1000) == list(range(PAGE_SIZE + 7))
    assert numbers(server, PAGE_SIZE + 2) == list(range(PAGE_SIZE + 2))
    assert server.asked[-1]["limit"] == ["2"]


def test_filters_stay_and_a_start_is_given_once() -> None:
    server = Server(PAGE_SIZE + 7)
    assert numbers(server, 1000, after="3", agent="a") == list(range(3, PAGE_SIZE + 7))
    assert [set(query) for query in server.asked] == [{"after", "agent", "limit"}, {"agent", "cursor", "limit"}]


def test_a_search_that_was_broken_off_goes_on() -> None:
    assert numbers(Server(2, partial=True), 10) == [0, 1]
