"""The connection to an MCP server, well-behaved over every transport and hostile, as real processes and sockets."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys

import msgspec
import pytest
import uvloop

from journeyman.clock import SystemClock
from journeyman.egress.traceparent import propagate
from journeyman.errors import ToolError, ToolExecutionError
from journeyman.ids import RandomIds
from journeyman.tools.failures import TransientToolError
from journeyman.tools.mcp.channel import McpChannel
from journeyman.tools.mcp.config import McpServerConfig
from journeyman.tools.mcp.messages import LostError, Outgoing
from journeyman.tools.mcp.server import McpServer
from journeyman.tools.mcp.stdio import StdioChannel
from journeyman.tools.process.pool import scrubbed_environment
from tests.harness.fake_mcp_server import FakeHttpMcpServer
from tests.harness.mcp_fixtures import QUICK, Host, Running, calling, command, until
from tests.surroundings.table import cell


def http(peer: FakeHttpMcpServer) -> McpServerConfig:
    return McpServerConfig(name="peer", url=peer.url)


async def test_lists_calls_and_shows_progress(running: Running, peer: McpServerConfig) -> None:
    async with running(peer) as server:
        assert server.problem is None
        assert list(server.listing.tools)[:2] == ["peer__die", "peer__echo"]
        assert len(server.listing.tools) == 9  # three pages
        spec = server.listing.tools["peer__echo"].spec
        assert (spec.policy.effects, spec.policy.declared, spec.policy.on_unknown) == ("once", False, "tell")
        assert await server.call(calling("echo", text="hé"), Host()) == "hé"
        host = Host()
        assert await server.call(calling("progress"), host) == "done"
        assert host.shown in ([0.5, 1.0], [])  # a JSON answer has no room for it
        with pytest.raises(ToolExecutionError, match="no such order") as failed:
            await server.call(calling("fail"), Host())
        assert failed.value.code == "tool_failed"
        assert len(await server.call(calling("huge"), Host())) == 5_000_000


async def test_a_change_of_the_tools_is_read(running: Running, peer: McpServerConfig) -> None:
    async with running(peer) as server:
        await server.call(calling("grow"), Host())
        if peer.url is None:
            await until(lambda: "peer__new" in server.listing.tools)
            assert "peer__env" not in server.listing.tools


async def test_twenty_calls_at_once(running: Running, peer: McpServerConfig) -> None:
    async with running(peer) as server:
        texts = await asyncio.gather(*(server.call(calling("echo", text=str(n)), Host()) for n in range(20)))
        assert texts == [str(n) for n in range(20)]


async def test_the_stateless_revision_says_who_asks_in_every_request(running: Running) -> None:
    async with FakeHttpMcpServer({"stateless"}) as peer, running(http(peer)) as server:
        await server.call(calling("echo", text="x"), Host())
        _, headers, message = peer.requests[-1]
        assert (headers["mcp-method"], headers["mcp-name"]) == ("tools/call", "echo")
        assert headers["mcp-protocol-version"] == "2026-07-28"
        assert "mcp-session-id" not in headers
        assert message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
        assert message["params"]["_meta"]["journeyman/idempotencyKey"] == "key-1"
        assert not [one for _, _, one in peer.requests if one.get("method") == "initialize"]


async def test_a_call_tells_the_trace_that_it_belongs_to(running: Running) -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"

    async def call(server: McpServer) -> None:
        propagate(traceparent)
        await server.call(calling("echo", text="x"), Host())

    async with FakeHttpMcpServer(set()) as peer, running(http(peer)) as server:
        await asyncio.create_task(call(server))
        calls = [headers for _, headers, message in peer.requests if message.get("method") == "tools/call"]
        others = [headers for _, headers, message in peer.requests if message.get("method") != "tools/call"]
    assert [headers["traceparent"] for headers in calls] == [traceparent]
    assert not [headers for headers in others if "traceparent" in headers]


async def test_the_process_sees_no_secret_of_the_server(running: Running) -> None:
    os.environ["SECRET_OF_THE_TEST"] = "hidden"
    async with running(command()) as server:
        seen = json.loads(await server.call(calling("env"), Host()))
    assert seen["GIVEN"] == "yes"
    assert "SECRET_OF_THE_TEST" not in seen


@cell(
    "MCP server",
    "in a call",
    "The model reads `tool_crashed` (a `once` call: `outcome_unknown`), and the server is started again.",
    case="its process dies",
)
async def test_a_server_killed_during_a_call_leaves_it_unknown_and_is_started_again(running: Running) -> None:
    async with running(command()) as server:
        first = await server.call(calling("pid"), Host())
        with pytest.raises(TransientToolError) as crashed:
            await server.call(calling("die"), Host())
        assert crashed.value.code == "tool_crashed"
        assert await server.call(calling("pid"), Host()) != first


async def test_cut_in_the_middle_over_http(running: Running) -> None:
    async with FakeHttpMcpServer(set()) as peer, running(http(peer)) as server:
        with pytest.raises(TransientToolError) as crashed:
            await server.call(calling("die"), Host())
        assert crashed.value.code == "tool_crashed"
        assert [call["name"] for call in peer.peer.calls] == ["die"]  # sent once
        assert await server.call(calling("echo", text="on"), Host()) == "on"


async def test_a_cancelled_call_is_cancelled_on_the_server_and_others_go_on(running: Running) -> None:
    async with FakeHttpMcpServer(set()) as peer, running(http(peer)) as server:
        call = asyncio.create_task(server.call(calling("hang"), Host()))
        await until(lambda: bool(peer.peer.calls))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: bool(peer.peer.cancelled))
        assert await server.call(calling("echo", text="on"), Host()) == "on"


async def test_a_hung_process_is_replaced(running: Running) -> None:
    """`hang` is never answered but the server lives: one stopped by a signal does not even list its tools."""
    async with running(command()) as server:
        pid = int(await server.call(calling("pid"), Host()))
        os.kill(pid, 19)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await server.call(calling("hang"), Host())
        await until(lambda: server.problem is not None)
        assert int(await server.call(calling("pid"), Host())) != pid
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("crash", "the MCP server peer ended"),
        ("garbage", "no messages"),
        ("flood", "ended"),
        ("ancient", "speaks only the revision '1999-01-01'"),
        ("mute", "did not answer in time"),
    ],
)
async def test_a_server_that_cannot_be_used_says_why(running: Running, mode: str, says: str) -> None:
    timeouts = msgspec.structs.replace(QUICK, probe=0.2, opening=0.6 if mode == "mute" else 5.0, call_wait=0.01)
    async with running(command(mode), timeouts) as server:
        assert says in (server.problem or "")
        with pytest.raises(ToolExecutionError) as unavailable:
            await server.call(calling("echo", text="x"), Host())
        assert unavailable.value.code == "tool_unavailable"


@pytest.mark.parametrize("tool", ["rpc", "trace", "die"])
async def test_a_failing_servers_own_words_are_in_the_log_only(
    running: Running, caplog: pytest.LogCaptureFixture, tool: str
) -> None:
    with caplog.at_level("WARNING"):
        async with running(command("talks")) as server:
            server._clean = lambda texts: [str(text).replace("key-9876543210", "***") for text in texts]
            with pytest.raises(ToolError) as failed:
                await server.call(calling(tool), Host())
            await until(lambda: "last words" in caplog.text)
    shown = f"{failed.value} {server.problem}"
    assert not [word for word in ("hunter2", "key-98", "db.js", "db.py", "no pool") if word in shown], shown
    assert "no pool for postgres://[secret]@db/x with ***" in caplog.text
    assert "hunter2" not in caplog.text


async def test_the_last_words_of_a_server_that_never_started_are_logged_once(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(command("crash")) as server:
        await until(lambda: server._last_words is not None)
        for _ in range(2):
            await server.attempted.wait()
            await until(lambda: not server.attempted.is_set())
    assert caplog.text.count("no configuration found") == 1


@pytest.mark.parametrize("modes", [{"old"}, {"old", "old-post"}])
async def test_the_old_transport_is_refused_once_by_name(
    running: Running, caplog: pytest.LogCaptureFixture, modes: set[str]
) -> None:
    async with FakeHttpMcpServer(modes) as peer, running(http(peer)) as server:
        assert "speaks the old HTTP+SSE transport, which is not supported" in (server.problem or "")
        asked = len(peer.requests)
        await asyncio.sleep(5 * QUICK.first_pause)
        assert len(peer.requests) == asked
        with pytest.raises(ToolExecutionError) as unavailable:
            await server.call(calling("echo", text="x"), Host())
        assert unavailable.value.code == "tool_unavailable"
    assert caplog.text.count("HTTP+SSE") == 1


async def test_a_line_that_is_no_message_costs_nothing(running: Running) -> None:
    async with running(command("chatty")) as server:
        assert server.problem is None


async def test_a_command_that_is_not_there(running: Running) -> None:
    async with running(McpServerConfig(name="peer", command=("/nowhere/at-all",))) as server:
        assert "No such file" in (server.problem or "")


async def test_a_server_that_is_not_there(running: Running) -> None:
    async with running(McpServerConfig(name="peer", url="http://127.0.0.1:9/mcp")) as server:
        assert "cannot be reached" in (server.problem or "")


async def test_refused_credentials_say_what_to_check(running: Running) -> None:
    async with FakeHttpMcpServer({"closed"}) as peer, running(http(peer)) as server:
        assert "check its `headers`" in (server.problem or "")


async def test_garbage_over_http_is_an_unknown_outcome(running: Running) -> None:
    async with FakeHttpMcpServer({"garbage"}) as peer, running(http(peer)) as server:
        with pytest.raises(ToolExecutionError) as crashed:
            await server.call(calling("echo", text="x"), Host())
        assert crashed.value.code == "tool_crashed"


async def test_a_forgotten_session_is_opened_again(running: Running) -> None:
    async with FakeHttpMcpServer(set()) as peer, running(http(peer)) as server:
        peer.session = "session-2"
        assert await server.call(calling("echo", text="on"), Host()) == "on"
        assert len(peer.peer.calls) == 1


async def test_at_the_end_no_process_is_left(running: Running) -> None:
    async with running(command()) as server:
        pid = int(await server.call(calling("pid"), Host()))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


LOOPS = [uvloop.Loop, asyncio.SelectorEventLoop]


def opened(config: McpServerConfig, channels: list[StdioChannel]) -> McpServer:
    async def connect(config: McpServerConfig) -> McpChannel:
        channels.append(await StdioChannel.open(config, scrubbed_environment(), QUICK.exit))
        return channels[-1]

    clock, rng = SystemClock(), random.Random(1)
    return McpServer(config, connect, clock=clock, ids=RandomIds(), rng=rng, timeouts=QUICK, call_seconds=5.0)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_closes_its_input_loses_the_connection_and_no_run(loop: type[asyncio.AbstractEventLoop]) -> None:
    deaf = "import os, time; os.close(0); time.sleep(60)"

    async def call_it() -> None:
        channel = await StdioChannel.open(
            McpServerConfig(name="peer", command=(sys.executable, "-c", deaf)), scrubbed_environment(), 0.1
        )
        reading = asyncio.create_task(channel.run(lambda notice: None))
        try:
            async with asyncio.timeout(10):
                for number in range(1000):
                    outgoing = Outgoing(id=f"r{number}", method="tools/call", params={}, headers={}, seconds=1.0)
                    with pytest.raises((LostError, TimeoutError)) as ended:
                        async with asyncio.timeout(0.02):
                            await channel.send_request(outgoing)
                    if ended.type is LostError:
                        break
            assert "closed its input" in str(ended.value)
            assert not ended.value.sent, "it may be sent over the next connection"
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await channel.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(call_it())


@pytest.mark.parametrize("loop", LOOPS)
def test_calls_into_the_moment_after_the_death_of_a_server(loop: type[asyncio.AbstractEventLoop]) -> None:
    """20 calls a millisecond around the kill: each is answered, or fails with an error of a tool."""

    async def kill_it() -> None:
        channels: list[StdioChannel] = []
        server = opened(command(), channels)
        running = asyncio.create_task(server.run())
        try:
            async with asyncio.timeout(20):
                for _ in range(3):
                    await server.attempted.wait()
                    calls: list[asyncio.Task[str]] = []
                    for millisecond in range(20):
                        if millisecond == 3:
                            os.killpg(channels[-1].pid, signal.SIGKILL)
                        new = (server.call(calling("echo", text="x"), Host()) for _ in range(20))
                        calls += map(asyncio.create_task, new)
                        await asyncio.sleep(0.001)
                    ended = await asyncio.gather(*calls, return_exceptions=True)
                    wrong = [each for each in ended if each != "x" and not isinstance(each, ToolError)]
                    assert wrong == []
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(kill_it())
