"""The port to one server: requests out, replies and notifications in. Over stdio or HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from journeyman.events.messages import JSON
from journeyman.tools.mcp.messages import Outgoing, RpcMessage

OnNotice = Callable[[RpcMessage], None]


class McpChannel(Protocol):
    """One connection to an MCP server."""

    async def run(self, on_notice: OnNotice) -> None:
        """Read until the connection ends, which raises LostError. To be called once.

        Notifications of the server go to `on_notice`, which must not block.
        """
        ...

    async def ask(self, outgoing: Outgoing) -> RpcMessage:
        """The reply. Cancelled: the server is told, and nothing waits for it. The caller bounds the wait.

        Raises LostError, or another ServiceError of the transport.
        """
        ...

    async def tell(self, method: str, params: dict[str, JSON]) -> None:
        """Send a notification. Raises ServiceError."""
        ...

    async def follow(self) -> bool:
        """Hear what the server says unasked, in the handshake revisions. Returns False if it says nothing so."""
        ...

    def agree(self, version: str | None) -> None:
        """From now on this revision is spoken; None: none is agreed on yet."""
        ...

    async def aclose(self) -> None:
        """End the connection, and the process where there is one; bounded, idempotent."""
        ...
