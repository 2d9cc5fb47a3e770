from __future__ import annotations

from journeyman.tools.mcp.tool_pages import MAX_LIST, MAX_TOOLS, ToolPages


def test_pages_are_read_to_the_last() -> None:
    pages = ToolPages()
    assert pages.add({"tools": [{"name": "a"}], "nextCursor": "2"}, 10)
    assert (pages.cursor, pages.room) == ("2", MAX_LIST - 10)
    assert not pages.add({"tools": [{"name": "b"}]}, 10)
    assert (len(pages.described), pages.cut) == (2, "")


def test_a_list_of_as_many_tools_as_may_be_used_is_whole() -> None:
    pages = ToolPages()
    assert not pages.add({"tools": [{}] * MAX_TOOLS}, 10)
    assert (len(pages.described), pages.cut) == (MAX_TOOLS, "")


def test_one_more_tool_is_not_kept() -> None:
    pages = ToolPages()
    assert not pages.add({"tools": [{}] * (MAX_TOOLS + 5), "nextCursor": "2"}, 10)
    assert len(pages.described) == MAX_TOOLS
    assert f"only the first {MAX_TOOLS}" in pages.cut


def test_what_is_no_page_has_no_tools() -> None:
    pages = ToolPages()
    assert not pages.add({"tools": "many", "nextCursor": 3}, 10)
    assert pages.described == []
