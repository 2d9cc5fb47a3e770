"""The port to a connection with an MCP server, implemented over stdio and over HTTP."""

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

    async def send_request(self, outgoing: Outgoing) -> RpcMessage:
        """Send a request and return the reply. There is no time limit: the caller cancels, and the server is notified.

        Raises LostError, or another ServiceError of the transport.
        """
        ...

    async def notify(self, method: str, params: dict[str, JSON]) -> None:
        """Send a notification. Raises ServiceError."""
        ...

    async def listen(self) -> bool:
        """Read the stream of notifications that the handshake revisions have, until it ends.

        Returns False if the server has no such stream.
        """
        ...

    def set_version(self, version: str | None) -> None:
        """Use this revision of the protocol from now on; None as long as none is agreed on."""
        ...

    async def aclose(self) -> None:
        """End the connection, and the server's process if there is one. Takes a few seconds at most; idempotent."""
        ...
