"""What is said to an MCP server over its channel."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.errors import ServiceError
from journeyman.ids import SequentialIds
from journeyman.tools.mcp.config import McpTimeouts
from journeyman.tools.mcp.messages import STATELESS_VERSION, Outgoing, RemoteError, RpcFault, RpcMessage
from journeyman.tools.mcp.session import IDEMPOTENCY_KEY, Session, ToolsCall


class Channel:
    """Answers by method; what it does not know is an error of the server."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", "/"): answer for name, answer in answers.items()}
        self.sent: list[Outgoing] = []
        self.notifications: list[str] = []
        self.versions: list[str | None] = []

    async def send_request(self, outgoing: Outgoing) -> RpcMessage:
        self.sent.append(outgoing)
        answer = self.answers.get(outgoing.method)
        if callable(answer):
            answer = answer(outgoing)
        if answer is None:
            return RpcMessage(id=outgoing.id, error=RpcFault(-32601, "no such method"))
        return RpcMessage(id=outgoing.id, result=answer)

    async def notify(self, method: str, params: Any) -> None:
        self.notifications.append(method)

    def set_version(self, version: str | None) -> None:
        self.versions.append(version)


def session(channel: Channel) -> Session:
    return Session("files", channel, SequentialIds(), McpTimeouts())  # type: ignore[arg-type]


async def test_a_server_of_the_stateless_revision_needs_no_handshake() -> None:
    channel = Channel(server_discover={"supportedVersions": [STATELESS_VERSION]})
    opened = session(channel)
    await opened.open()
    assert (opened.version, channel.notifications) == (STATELESS_VERSION, [])
    assert channel.sent[0].headers == {"Mcp-Method": "server/discover"}


async def test_an_older_server_is_greeted() -> None:
    channel = Channel(initialize={"protocolVersion": "2025-06-18"})
    opened = session(channel)
    await opened.open()
    assert (opened.version, channel.notifications) == ("2025-06-18", ["notifications/initialized"])
    assert channel.versions == [STATELESS_VERSION, None, "2025-06-18"]


async def test_a_revision_that_is_not_known_is_refused() -> None:
    with pytest.raises(ServiceError, match="speaks only the revision"):
        await session(Channel(initialize={"protocolVersion": "1999-01-01"})).open()


async def test_all_pages_of_a_list_are_read_and_a_circle_ends() -> None:
    pages = {None: ({"name": "a"}, "2"), "2": ({"name": "b"}, "2")}

    def page(outgoing: Outgoing) -> dict[str, Any]:
        tool, cursor = pages[outgoing.params.get("cursor")]
        return {"tools": [tool], "nextCursor": cursor}

    assert await session(Channel(tools_list=page)).tools() == [{"name": "a"}, {"name": "b"}]


async def test_a_call_carries_its_key_and_its_progress_comes_back() -> None:
    shown: list[Any] = []
    channel = Channel()

    def called(outgoing: Outgoing) -> dict[str, Any]:
        token = outgoing.params["_meta"]["progressToken"]
        for params in ({"progress": 1, "total": 4}, {"message": "half"}, {"progress": "x"}):
            opened.notified(RpcMessage(method="notifications/progress", params={"progressToken": token, **params}))
        assert outgoing.params["_meta"][IDEMPOTENCY_KEY] == "k"
        return {"content": []}

    channel.answers["tools/call"] = called
    opened = session(channel)
    await opened.call(ToolsCall(tool="read", arguments={}, idempotency_key="k"), 5, shown.append)
    assert (shown, opened.calls) == ([0.25, "half"], 0)


async def test_an_error_of_the_server_is_raised_and_a_change_is_heard() -> None:
    channel = Channel()
    opened = session(channel)
    with pytest.raises(RemoteError, match="no such method"):
        await opened.call(ToolsCall(tool="read", arguments={}, idempotency_key="k"), 5, lambda value: None)
    opened.notified(RpcMessage(method="notifications/tools/list_changed"))
    assert opened.stale.is_set()
