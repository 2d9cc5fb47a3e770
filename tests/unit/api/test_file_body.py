"""Bodies that are files have time limits in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from journeyman.api.dependencies import RequestLimits
from journeyman.api.file_body import FileDownload, body_chunks, declared_length
from journeyman.api.json_body import ClientDisconnected
from journeyman.api.problems import RequestError
from journeyman.api.security.request_context import RequestContext
from journeyman.journal.journal import FileRow

ROW = FileRow(
    id="f", principal="ann", sha256="s", size=2, media_type="image/png", name="", added_at=1, unused_since=None
)


async def chunks_of(*messages: dict[str, Any], **limits: float) -> list[bytes]:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    context = RequestContext(caller=None, request_id="r", headers={})
    return [chunk async for chunk in body_chunks(context, receive, RequestLimits(**limits))]  # type: ignore[arg-type]


async def test_a_body_is_read_chunk_by_chunk_to_its_end() -> None:
    first, last = {"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request", "body": b"b"}
    assert await chunks_of(first, last, first) == [b"a", b"b"]


async def test_a_sender_that_leaves_is_no_end() -> None:
    with pytest.raises(ClientDisconnected):
        await chunks_of({"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"})


@pytest.mark.parametrize("limit", ["body_idle_seconds", "upload_seconds"])
async def test_a_body_that_stalls_is_given_up(limit: str) -> None:
    with pytest.raises(RequestError) as refused:
        await chunks_of({"type": "http.request", "body": b"a", "more_body": True}, **{limit: 0.001})
    assert (refused.value.status, refused.value.code) == (408, "body_timeout")


@pytest.mark.parametrize(("given", "length"), [(b"12", 12), (b"", 0), (b"-1", 0), (b"9" * 5000, 10**18 - 1)])
def test_a_length_is_read_or_ignored(given: bytes, length: int) -> None:
    assert declared_length({b"content-length": given}) == length


async def test_a_client_that_reads_nothing_is_left_and_the_file_is_closed() -> None:
    closed = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            yield b"ab"
        finally:
            closed.set()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> Any:
        raise AssertionError

    with pytest.raises(ClientDisconnected):
        await FileDownload(ROW, pieces(), RequestLimits(send_seconds=0.001))({}, receive, send)
    assert closed.is_set()
