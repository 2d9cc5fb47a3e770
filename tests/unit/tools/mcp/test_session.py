"""What is said to an MCP server over its channel."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.clock import SystemClock
from journeyman.egress.transport import FakeReply, FakeTransport, Request
from journeyman.errors import ServiceError
from journeyman.ids import SequentialIds
from journeyman.tools.mcp.config import McpServerConfig, McpTimeouts
from journeyman.tools.mcp.http import HttpChannel
from journeyman.tools.mcp.messages import STATELESS_VERSION, Outgoing, RemoteError, RpcFault, RpcMessage
from journeyman.tools.mcp.session import IDEMPOTENCY_KEY, Session, ToolsCall
from journeyman.tools.mcp.tool_pages import MAX_LIST, MAX_PAGES, MAX_TOOLS


class Channel:
    """Answers by method; what it does not know is an error of the server."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", "/"): answer for name, answer in answers.items()}
        self.sent: list[Outgoing] = []
        self.told: list[str] = []
        self.agreed: list[str | None] = []
        self.size = 0

    async def send_request(self, outgoing: Outgoing) -> RpcMessage:
        self.sent.append(outgoing)
        answer = self.answers.get(outgoing.method)
        if callable(answer):
            answer = answer(outgoing)
        if answer is None:
            return RpcMessage(id=outgoing.id, error=RpcFault(-32601, "no such method"))
        return RpcMessage(id=outgoing.id, result=answer, size=self.size)

    async def notify(self, method: str, params: Any) -> None:
        self.told.append(method)

    def set_version(self, version: str | None) -> None:
        self.agreed.append(version)


def session(channel: Channel) -> Session:
    return Session("files", channel, SequentialIds(), McpTimeouts())  # type: ignore[arg-type]


async def test_a_server_of_the_stateless_revision_needs_no_handshake() -> None:
    channel = Channel(server_discover={"supportedVersions": [STATELESS_VERSION]})
    opened = session(channel)
    await opened.open()
    assert (opened.version, channel.told) == (STATELESS_VERSION, [])
    assert channel.sent[0].headers == {"Mcp-Method": "server/discover"}


async def test_an_older_server_is_greeted() -> None:
    channel = Channel(initialize={"protocolVersion": "2025-06-18"})
    opened = session(channel)
    await opened.open()
    assert (opened.version, channel.told) == ("2025-06-18", ["notifications/initialized"])
    assert channel.agreed == [STATELESS_VERSION, None, "2025-06-18"]


async def test_a_revision_that_is_not_known_is_refused() -> None:
    with pytest.raises(ServiceError, match="speaks only the revision"):
        await session(Channel(initialize={"protocolVersion": "1999-01-01"})).open()


async def test_all_pages_of_a_list_are_read_and_a_circle_ends() -> None:
    pages = {None: ({"name": "a"}, "2"), "2": ({"name": "b"}, "2")}

    def page(outgoing: Outgoing) -> dict[str, Any]:
        tool, cursor = pages[outgoing.params.get("cursor")]
        return {"tools": [tool], "nextCursor": cursor}

    read = await session(Channel(tools_list=page)).tools()
    assert (read.described, read.cut) == ([{"name": "a"}, {"name": "b"}], "")


async def test_a_list_without_an_end_is_left_while_it_is_read() -> None:
    """Tools, pages or bytes: no more is asked for than may be used."""

    def endless(tools: int) -> Channel:
        return Channel(tools_list=lambda outgoing: {"tools": [{}] * tools, "nextCursor": outgoing.id})

    many, empty = endless(100), endless(0)
    assert len((await session(many).tools()).described) == MAX_TOOLS
    assert len(many.sent) == 2
    assert "more than 50 pages" in (await session(empty).tools()).cut
    assert len(empty.sent) == MAX_PAGES


async def test_what_a_list_has_taken_is_not_left_for_its_next_page() -> None:
    channel = Channel(tools_list=lambda outgoing: {"tools": [{}], "nextCursor": outgoing.id})
    channel.size = MAX_LIST // 3
    read = await session(channel).tools()
    assert "is over 8388608 bytes" in read.cut
    assert [outgoing.most_bytes for outgoing in channel.sent] == [MAX_LIST - channel.size * n for n in range(4)]
    assert len(read.described) == 3


async def test_a_next_page_that_is_too_large_leaves_the_tools_before_it() -> None:
    def page(outgoing: Outgoing) -> dict[str, Any]:
        if outgoing.params:
            raise ServiceError("too large", code="service_reply_too_large")
        return {"tools": [{"name": "a"}], "nextCursor": "2"}

    read = await session(Channel(tools_list=page)).tools()
    assert read.described == [{"name": "a"}]
    assert "the rest is not read" in read.cut


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_bytes_of_a_list_are_counted_while_they_arrive(kind: str) -> None:
    """One long page, or notices without an end before it."""
    notice = b'data: {"method": "notifications/message", "params": {"data": "' + b"x" * (1 << 20) + b'"}}\n\n'

    class Endless(FakeTransport):
        def take(self, request: Request) -> FakeReply:
            return FakeReply((notice for _ in range(99)), headers={"Content-Type": kind})

    transport = Endless()
    channel = HttpChannel(McpServerConfig(name="files", url="http://files"), transport, SystemClock())
    with pytest.raises(ServiceError) as refused:
        await Session("files", channel, SequentialIds(), McpTimeouts()).tools()
    assert refused.value.code == "service_reply_too_large"
    assert transport.open == 0


async def test_a_call_carries_its_key_and_its_progress_comes_back() -> None:
    shown: list[Any] = []
    channel = Channel()
    opened = session(channel)

    def called(outgoing: Outgoing) -> dict[str, Any]:
        token = outgoing.params["_meta"]["progressToken"]
        for params in ({"progress": 1, "total": 4}, {"message": "half"}, {"progress": "x"}):
            opened.notified(RpcMessage(method="notifications/progress", params={"progressToken": token, **params}))
        assert outgoing.params["_meta"][IDEMPOTENCY_KEY] == "k"
        return {"content": []}

    channel.answers["tools/call"] = called
    await opened.call(ToolsCall(tool="read", arguments={}, idempotency_key="k"), 5, shown.append)
    assert (shown, opened.calls) == ([0.25, "half"], 0)


async def test_an_error_of_the_server_is_raised_and_a_change_is_heard() -> None:
    channel = Channel()
    opened = session(channel)
    with pytest.raises(RemoteError, match="no such method"):
        await opened.call(ToolsCall(tool="read", arguments={}, idempotency_key="k"), 5, lambda value: None)
    opened.notified(RpcMessage(method="notifications/tools/list_changed"))
    assert opened.stale.is_set()
