"""The tools that an MCP server lists: cleaned, capped and checked."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.tools.mcp.listing import MAX_DESCRIPTION, listing_of, unknown_tool


def entry(name: str = "read", **changes: Any) -> dict[str, Any]:
    return {"name": name, "description": "Read.", "inputSchema": {"type": "object"}, **changes}


def test_tools_stand_in_the_order_of_their_names() -> None:
    listing = listing_of("files", [entry("write"), entry("read")])
    assert list(listing.tools) == ["files__read", "files__write"]
    assert listing.tools["files__read"].own_name == "read"
    assert listing.refused == ()


@pytest.mark.parametrize(
    "bad",
    [
        "text",
        entry(name=""),
        entry(name="x" * 500),
        entry(inputSchema=None),
        entry(inputSchema={"type": "array"}),
        entry(inputSchema={"type": "object", "properties": {"a": {"enum": ["x" * 2000] * 20}}}),
        entry(inputSchema={"type": "object", "properties": {"a": {"type": "nonsense"}}}),
    ],
)
def test_a_tool_that_cannot_be_used_costs_only_itself(bad: Any) -> None:
    listing = listing_of("files", [bad, entry("write")])
    assert (list(listing.tools), len(listing.refused)) == (["files__write"], 1)


def test_a_name_is_given_once_and_what_was_not_read_is_said() -> None:
    twice = listing_of("files", [entry(), entry()])
    assert (len(twice.tools), len(twice.refused)) == (1, 1)
    assert listing_of("files", [entry()], "the rest is not read").refused == ("the rest is not read",)


def test_names_that_collide_get_a_hash_of_the_servers_own_name_in_any_order() -> None:
    own_names = ["read/file", "read_file", "read file", "list"]
    for described in (own_names, own_names[::-1]):
        listing = listing_of("files", [entry(name) for name in described])
        assert listing.refused == ()
        assert {name: tool.own_name for name, tool in listing.tools.items()} == {
            "files__list": "list",
            "files__read_file": "read_file",
            "files__read_file_1214148e": "read file",
            "files__read_file_9cc468c6": "read/file",
        }


def test_words_of_a_server_hide_nothing_and_are_capped() -> None:
    spec = listing_of("files", [entry(description="re\u200bad\x1b[2J" + "x" * 9999)]).tools["files__read"].spec
    assert spec.description.startswith("read[2Jx")
    assert len(spec.description) == MAX_DESCRIPTION + 1


def test_the_hash_follows_what_the_server_says() -> None:
    one, same, other = (
        listing_of("files", [entry(description=text)]).tools["files__read"].spec.code_hash for text in ("a", "a", "b")
    )
    assert one == same != other
    assert unknown_tool("files__read", "files").code_hash == ""
