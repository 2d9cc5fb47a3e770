"""The pages of a server's list of tools, within bounds that hold while they are read."""

from __future__ import annotations

from typing import Any

from journeyman.events.messages import JSON
from journeyman.tools.mcp.messages import MAX_MESSAGE

MAX_TOOLS = 128  # of one server
MAX_PAGES = 50
MAX_LIST = MAX_MESSAGE  # bytes of all pages together


class ToolPages:
    """The tools that a server has described so far.

    `cut` is a sentence about what is not read; empty if all is. `cursor` asks for the next page; None: for the first.
    """

    def __init__(self) -> None:
        self.described: list[JSON] = []
        self.cut = ""
        self.cursor: str | None = None
        self.room = MAX_LIST  # bytes that the next page may have
        self._cursors: set[str] = set()

    def add(self, page: dict[str, Any], size: int) -> bool:
        """Add a page of `size` bytes. Returns whether there is another one to read."""
        if size > self.room:
            self.stop()
            return False
        self.room -= size
        tools, cursor = page.get("tools"), page.get("nextCursor")
        self.described += tools[: MAX_TOOLS + 1 - len(self.described)] if isinstance(tools, list) else []
        if len(self.described) > MAX_TOOLS:
            self.described.pop()
            self.cut = f"the server offers more than {MAX_TOOLS} tools: only the first {MAX_TOOLS} are used"
            return False
        if not isinstance(cursor, str) or cursor in self._cursors:
            return False
        self.cursor = cursor
        self._cursors.add(cursor)
        if len(self._cursors) >= MAX_PAGES:
            self.cut = f"the list of the server's tools has more than {MAX_PAGES} pages: the rest is not read"
            return False
        return True

    def stop(self) -> None:
        """Read no further, since the next page is too large."""
        self.cut = f"the list of the server's tools is over {MAX_LIST} bytes: the rest is not read"
