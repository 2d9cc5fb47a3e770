"""An API's answer as data for a model."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.errors import ToolExecutionError
from journeyman.tools.openapi.reply import ERROR_CAP, READ_CAP, read_reply


class Response:
    def __init__(self, *pieces: bytes, status: int = 200, **headers: str) -> None:
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self._pieces = [*pieces, b""]

    async def chunk(self) -> bytes:
        return self._pieces.pop(0)


async def reply(*pieces: bytes, **rest: Any) -> Any:
    return await read_reply(Response(*pieces, **rest))  # type: ignore[arg-type]


async def test_json_is_data_and_text_is_text() -> None:
    assert await reply(b'{"a"', b": 1}", content_type="application/problem+json; charset=utf-8") == {"a": 1}
    assert await reply(b'{"a": 1}') == {"a": 1}
    assert await reply(b"not json", content_type="application/json") == "not json"
    assert await reply(b"<a/>", content_type="application/xml") == "<a/>"


async def test_what_is_no_text_is_a_note() -> None:
    assert await reply(b"", status=204) == {"status": 204}
    assert await reply(b"\x00\xff", content_type="image/png") == {
        "status": 200,
        "content_type": "image/png",
        "bytes": 2,
    }
    assert await reply(b"\x1f\x8b", content_type="text/plain", content_encoding="gzip") == {
        "status": 200,
        "content_type": "text/plain",
        "bytes": 2,
    }


async def test_a_long_answer_is_cut() -> None:
    text = await reply(b"x" * READ_CAP, b"y" * 10, b"never read", content_type="text/plain")
    assert text == "x" * READ_CAP + f"\n[cut: the answer is longer than {READ_CAP} bytes]"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, "404 Not Found: no such order"),
        (302, "302 Found; redirects are not followed"),
        (299 + 300, "(no standard status)"),
    ],
)
async def test_a_refusal_is_an_error_with_its_status(status: int, told: str) -> None:
    with pytest.raises(ToolExecutionError) as caught:
        await reply(b"no such order", status=status, content_type="text/plain")
    assert caught.value.code == "http_error"
    assert told in caught.value.message


async def test_the_words_of_a_refusal_are_capped() -> None:
    with pytest.raises(ToolExecutionError) as caught:
        await reply(b"x" * 9000, status=500, content_type="text/plain")
    assert len(caught.value.message) < ERROR_CAP + 100
