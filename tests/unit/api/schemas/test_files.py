"""How files are described, and how requests name them."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.api.schemas.files import DocumentPart, FileAnswer, PicturePart
from journeyman.api.schemas.runs import ProcessRequest
from journeyman.events.messages import FilePart, ImagePart


def test_only_a_picture_has_a_width() -> None:
    answer = FileAnswer(file_id="f", name="", media_type="text/plain", bytes=1, created_at="2026-12-01T00:00:00Z")
    assert set(msgspec.to_builtins(answer)) == {"file_id", "name", "media_type", "bytes", "created_at"}


@pytest.mark.parametrize(
    ("documented", "read"),
    [
        (PicturePart("file_1"), ImagePart(file="file_1")),
        (DocumentPart("file_1", "a"), FilePart(file="file_1", name="a")),
    ],
)
def test_what_is_documented_is_what_is_read(documented: msgspec.Struct, read: msgspec.Struct) -> None:
    body = {"user_input": [msgspec.to_builtins(documented)]}
    assert msgspec.convert(body, ProcessRequest).user_input == [read]
