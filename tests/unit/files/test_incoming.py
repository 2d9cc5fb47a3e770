"""Parts of a client's message become stored files, or are refused with what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from journeyman.clock import ManualClock
from journeyman.errors import BaseError
from journeyman.events.messages import FilePart, ImagePart, Message, Part, TextPart, user
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.data_urls import data_url
from journeyman.files.incoming import with_files_stored
from journeyman.files.store import FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.memory import MemoryJournal
from tests.harness.pictures import png


@pytest.fixture
async def files() -> AsyncIterator[FileStore]:
    store = FileStore(MemoryJournal(), MemoryBlobs(), ManualClock(), SequentialIds())
    yield store
    await store.aclose()


def said(*parts: Part) -> Message:
    return Message(role="user", content=parts)


async def test_bytes_in_a_message_become_files_and_only_their_ids_stay(files: FileStore) -> None:
    sent = said(TextPart("see"), ImagePart(data_url("text/html", png())), FilePart("data:,abc", "a.txt"))
    stored = await with_files_stored(files, "ann", sent)
    assert stored.content == (TextPart("see"), ImagePart(file="file_1"), FilePart(file="file_2", name="a.txt"))
    assert await files.read(await files.get("ann", "file_1")) == png()
    assert await with_files_stored(files, "ann", sent) == stored


async def test_a_file_that_is_named_keeps_its_own_name(files: FileStore) -> None:
    await files.put("ann", "a.txt", b"x")
    stored = await with_files_stored(files, "ann", said(FilePart(file="file_1"), FilePart(file="file_1", name="b")))
    assert stored.content == (FilePart(file="file_1", name="a.txt"), FilePart(file="file_1", name="b"))


async def test_a_text_is_the_same_message(files: FileStore) -> None:
    message = user("hi")
    assert await with_files_stored(files, "ann", message) is message


@pytest.mark.parametrize(
    ("part", "code", "text"),
    [
        (ImagePart("https://x.example/a.png"), "unsupported_content", "Part 1 has a `url` that is no data URL"),
        (ImagePart(), "unsupported_content", "either `file` or `url`"),
        (FilePart("data:,x", "", "file_1"), "unsupported_content", "either `file` or `url`"),
        (ImagePart("data:;base64,?"), "unsupported_content", "its base64 is damaged"),
        (ImagePart("data:,text"), "not_a_picture", "Part 1 is no picture"),
        (ImagePart(file="file_of_bob"), "file_not_found", "There is no file"),
        (FilePart(file="file_9"), "file_not_found", "There is no file"),
        (FilePart("data:,"), "file_empty", "empty"),
        (ImagePart(data_url("", png(30_000, 1))), "picture_too_large", "30000 x 1"),
    ],
)
async def test_other_parts_are_refused(files: FileStore, part: Part, code: str, text: str) -> None:
    await files.put("bob", "", png())
    with pytest.raises(BaseError, match=text) as refused:
        await with_files_stored(files, "ann", said(part))
    assert refused.value.code == code


async def test_only_a_user_sends_files(files: FileStore) -> None:
    with pytest.raises(BaseError, match="role `user`"):
        await with_files_stored(files, "ann", Message(role="assistant", content=(FilePart("data:,x"),)))
