"""What is read of a chunk."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.llm.gateway.chunks import Choice, Chunk, chunk_decoder


def test_unknown_fields_are_skipped() -> None:
    data = b'{"id": "x", "choices": [{"index": 0, "logprobs": null, "delta": {"content": "a"}}], "x": {}}'
    assert chunk_decoder.decode(data) == Chunk(choices=[Choice(index=0, delta={"content": "a"})])


@pytest.mark.parametrize("data", [b"[]", b"3", b'{"choices": 3}', b'{"choices": [{"delta": "a"}]}'])
def test_other_types_are_refused(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        chunk_decoder.decode(data)
