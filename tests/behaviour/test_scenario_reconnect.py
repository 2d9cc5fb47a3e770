"""A client reads a reply, loses the server in the middle of it, and comes back with the last id it has seen."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.harness.api_client import ApiClient
from tests.harness.kill_at_commits import at_commits, plain
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment
from tests.harness.sse_client import Frame, Stream, watch

TEXT = "".join(f"word{number:03d} " for number in range(60))
_ENDS = ("run_finished", "run_failed", "run_cancelled")


@dataclass
class Reader:
    """What a client has: stored events by id, and the text of the open reply."""

    ids: list[int] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    run_id: str = ""
    text: str = ""
    attempt: tuple[str, int] = ("", 0)
    fresh: bool = True  # this connection has shown no text yet
    final: str = ""
    wrong: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return bool(self.types) and self.types[-1] in _ENDS

    def take(self, frame: Frame) -> None:
        if frame.type == "delta":
            self._delta(frame)
        elif frame.type == "snapshot":
            self.attempt, self.text = (frame.data["call"], frame.data["attempt"]), frame.data["text"]
            self.fresh = False
        elif frame.id is not None:
            self._stored(frame, frame.id)
        elif frame.type not in ("progress", "reconnect"):
            self.wrong.append(f"a {frame.type} without an id")

    def _delta(self, frame: Frame) -> None:
        attempt = frame.data["call"], frame.data["attempt"]
        if attempt != self.attempt:
            if frame.data["offset"]:
                self.wrong.append(f"{attempt} begins at offset {frame.data['offset']} without a snapshot")
            self.attempt, self.text = attempt, ""
        if frame.data["offset"] != len(self.text):
            self.wrong.append(f"a delta at {frame.data['offset']}, the text has {len(self.text)} characters")
        self.text += frame.data["text"]
        self.fresh = False

    def _stored(self, frame: Frame, number: int) -> None:
        if number != len(self.ids) + 1:
            self.wrong.append(f"seq {number} after {self.ids[-3:]}: a gap or a repeat")
        self.ids.append(number)
        self.types.append(frame.type)
        self.run_id = frame.data["run_id"]
        if frame.type == "model_replied":
            self.final = "".join(part["text"] for part in frame.data["data"]["message"].get("content", ()))
            if not self.fresh and self.text != self.final:
                self.wrong.append(f"the deltas do not add up to the reply: {self.text!r}")
            self.text = ""


def _post(client: ApiClient, text: str, key: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    headers = {"Accept": "text/event-stream", "Idempotency-Key": key}
    body = {"user_input": text, "agent": "worker"}
    return client.http.post(f"{client.server.url}/process", json=body, headers=headers)


async def _connection(env: ServerEnvironment, reader: Reader, text: str, key: str) -> AsyncIterator[Frame]:
    """One connection's frames: the POST while the run's id is unknown, the event stream after that."""
    reader.fresh = True
    if reader.run_id:
        async with watch(env.client, reader.run_id, after=len(reader.ids)) as stream:
            async for frame in stream.frames():
                yield frame
        return
    async with _post(env.client, text, key) as response:
        assert response.status == 200, await response.text()
        async for frame in Stream(response).frames():
            yield frame


async def _read(env: ServerEnvironment, text: str, key: str, kill_after: int | None = None) -> Reader:
    """Read to the end over as many connections as it takes; kill the server when so much text has come, and let the
    gateway go on when the next connection shows as much."""
    reader, first = Reader(), env.server.starts
    for _ in range(6):
        seen = env.server.starts
        try:
            async for frame in _connection(env, reader, text, key):
                reader.take(frame)
                if kill_after is not None and len(reader.text) >= kill_after:
                    if env.server.starts > first:
                        env.gateway.release(key)
                    elif env.server.alive:
                        await env.server.kill()
        except (aiohttp.ClientConnectionError, ConnectionError):
            pass
        if reader.over:
            return reader
        await env.server.revive(seen)
    raise AssertionError(f"no end after 6 connections: {reader.types}")


async def _judge(env: ServerEnvironment, reader: Reader, key: str) -> None:
    assert reader.wrong == []
    assert reader.types[-1] == "run_finished"
    assert reader.final == TEXT
    stored = await env.client.events(reader.run_id)
    assert [event["seq"] for event in stored] == reader.ids
    assert [event["type"] for event in stored] == reader.types
    assert await env.violations(reader.run_id, key) == []


async def killed_in_mid_reply(env: ServerEnvironment, name: str) -> None:
    key = f"reconnect-{name}"
    text = reply_script(key, {"text": TEXT, "chunks": 30, "hold_after": 15})
    reader = await _read(env, text, key, kill_after=len(TEXT) // 2 - 20)
    assert env.gateway.calls[key, 1] == 2, "the reply was in flight: it is asked for once more"
    await _judge(env, reader, key)


async def read_over_any_kill(env: ServerEnvironment, name: str) -> None:
    key = f"reconnect-{name}"
    text = reply_script(key, [["put", {"label": key}]], {"text": TEXT, "chunks": 30, "interval": 0.005})
    await _judge(env, await _read(env, text, key), key)


async def test_reconnect_in_mid_reply_across_a_restart(tmp_path: Path) -> None:
    await plain(tmp_path, killed_in_mid_reply)


async def test_joining_late_gets_stored_events_one_snapshot_and_the_rest(tmp_path: Path) -> None:
    async def scenario(env: ServerEnvironment, name: str) -> None:
        key = f"join-{name}"
        async with _post(
            env.client, reply_script(key, {"text": TEXT, "chunks": 30, "hold_after": 15}), key
        ) as response:
            first = Stream(response).frames()
            reader = Reader()
            while len(reader.text) < len(TEXT) // 2 - 20:
                reader.take(await anext(first))
            for header in (True, False):
                await _joins(env, reader.run_id, header)
            async with watch(env.client, reader.run_id) as stream:
                late = Reader()
                async for frame in stream.frames():
                    late.take(frame)
                    if frame.type == "snapshot":
                        env.gateway.release(key)
            async for frame in first:
                reader.take(frame)
        await _judge(env, reader, key)
        assert late.wrong == []
        assert late.types == reader.types

    await plain(tmp_path, scenario)


async def _joins(env: ServerEnvironment, run_id: str, header: bool) -> None:
    """Stored events after seq 1, then one snapshot, and nothing else while the gateway keeps silent."""
    types = []
    async with watch(env.client, run_id, after=1, header=header) as stream:
        async for frame in stream.frames():
            types.append(frame.type)
            if frame.type == "snapshot":
                assert TEXT.startswith(frame.data["text"])
                assert frame.data["text"]
                break
    assert "run_accepted" not in types
    assert types[0] == "run_started"
    assert "delta" not in types


async def test_the_stream_of_an_ended_run_is_its_journal(tmp_path: Path) -> None:
    async def scenario(env: ServerEnvironment, name: str) -> None:
        run = await env.client.start(reply_script(name, "Short."), name)
        await env.settle(run)
        await env.server.kill()
        await env.server.start()
        async with watch(env.client, run) as stream:
            frames = [frame async for frame in stream.frames()]
        stored = await env.client.events(run)
        assert [frame.data for frame in frames] == stored
        assert [json.dumps(frame.id) for frame in frames] == [json.dumps(event["seq"]) for event in stored]

    await plain(tmp_path, scenario)


@pytest.mark.timeout(90)
async def test_with_a_kill_at_a_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, read_over_any_kill, 1)


@pytest.mark.long
async def test_with_a_kill_at_every_commit(tmp_path: Path) -> None:
    await at_commits(tmp_path, read_over_any_kill, None)
