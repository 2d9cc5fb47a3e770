"""A request gets the bytes of its files, as far as a model can take them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from journeyman.clock import ManualClock
from journeyman.events.messages import (
    FilePart,
    ImagePart,
    Message,
    Part,
    TextPart,
    ToolCall,
    assistant,
    tool_result,
    user,
)
from journeyman.events.model_request import ModelRequest
from journeyman.files.blobs import MemoryBlobs
from journeyman.files.data_urls import data_url
from journeyman.files.outgoing import MOST_SENT, MOST_TEXT, OutgoingFiles
from journeyman.files.store import FileLimits, FileStore
from journeyman.ids import SequentialIds
from journeyman.journal.memory import MemoryJournal
from tests.harness.pictures import png

PNG = ImagePart(file="file_1")
SHOWN = ImagePart(data_url("image/png", png()), "file_1")
PDF = b"%PDF-1.7 x"


@pytest.fixture
async def files() -> AsyncIterator[FileStore]:
    limits = FileLimits(each=10**8, all=10**9)
    store = FileStore(MemoryJournal(), MemoryBlobs(), ManualClock(), SequentialIds(), limits)
    await store.put("ann", "", png())
    yield store
    await store.aclose()


async def resolved(files: FileStore, *messages: Message, **more: Any) -> list[Message]:
    request = ModelRequest(model="m", messages=messages, **more)
    return list((await OutgoingFiles(files).resolved(request, "ann")).messages)


def said(*parts: Part) -> Message:
    return Message(role="user", content=parts)


async def parts_of(files: FileStore, *parts: Part, **more: Any) -> tuple[Part, ...]:
    (message,) = await resolved(files, said(*parts), **more)
    return message.content


async def test_a_picture_is_sent_as_a_data_url(files: FileStore) -> None:
    assert await parts_of(files, TextPart("see"), PNG) == (TextPart("see"), SHOWN)


async def test_a_request_without_files_is_the_same_object(files: FileStore) -> None:
    request = ModelRequest(model="m", messages=(user("hi"),))
    assert await OutgoingFiles(files).resolved(request, "ann") is request


async def test_a_picture_named_as_a_file_is_a_picture_and_a_pdf_a_file(files: FileStore) -> None:
    await files.put("ann", "a.pdf", PDF)
    sent = await parts_of(files, FilePart(file="file_1"), FilePart(file="file_2", name="b.pdf"))
    assert sent == (SHOWN, FilePart(data_url("application/pdf", PDF), "b.pdf", "file_2"))


async def test_a_text_is_shown_as_text_and_cut(files: FileStore) -> None:
    await files.put("ann", "a.csv", b"x,1\n" * MOST_TEXT)
    (part,) = await parts_of(files, FilePart(file="file_2", name="a.csv"), vision=False)
    assert isinstance(part, TextPart)
    assert part.text.startswith("\n[File 'a.csv' begins]\nx,1\nx,1\n")
    assert f"[cut: {3 * MOST_TEXT} of {4 * MOST_TEXT} bytes are not shown]" in part.text
    assert len(part.text) < MOST_TEXT + 200


async def test_what_no_model_reads_is_a_note(files: FileStore) -> None:
    await files.put("ann", "a.zip", b"PK\x03\x04")
    (note,) = await parts_of(files, FilePart(file="file_2", name="a.zip"))
    assert note == TextPart("\n[File 'a.zip' (file_2): application/zip, 4 bytes, which cannot be shown]")


async def test_a_model_that_sees_nothing_gets_notes(files: FileStore) -> None:
    (note,) = await parts_of(files, PNG, vision=False)
    assert note == TextPart("\n[Picture (file_1): this model cannot see pictures]")
    (note,) = await parts_of(files, ImagePart("data:image/png;base64,AA=="), vision=False)
    assert note == TextPart("\n[Picture: this model cannot see pictures]")


async def test_a_data_url_of_an_old_message_is_sent_as_it_is(files: FileStore) -> None:
    old = ImagePart("data:image/png;base64,AA==")
    assert await parts_of(files, old) == (old,)


async def test_a_file_of_another_or_none_is_a_note(files: FileStore) -> None:
    await files.put("bob", "", png(2, 2))
    sent = await parts_of(files, ImagePart(file="file_2"), ImagePart(file="file_9"))
    notes = [part.text for part in sent if isinstance(part, TextPart)]
    assert notes == ["\n[Picture (file_2): it was deleted]", "\n[Picture (file_9): it was deleted]"]


async def test_the_newest_files_take_the_room_first(files: FileStore) -> None:
    for number in range(3):
        await files.put("ann", "", PDF + bytes([number]) * (MOST_SENT // 2 - 100))
    named = [FilePart(file=f"file_{number}", name="a") for number in (2, 3, 4)]
    sent = await resolved(files, *(said(part) for part in named))
    assert [type(message.content[0]).__name__ for message in sent] == ["TextPart", "FilePart", "FilePart"]
    assert "left out" in sent[0].text


async def test_pictures_of_results_follow_the_last_result_of_their_round(files: FileStore) -> None:
    asked = assistant("", ToolCall("c1", "shot", "{}"), ToolCall("c2", "shot", "{}"))
    one, two = tool_result("c1", "shot", "one", (PNG,)), tool_result("c2", "shot", "two")
    sent = await resolved(files, user("look"), asked, one, two, assistant("seen"))
    assert [message.role for message in sent] == ["user", "assistant", "tool", "tool", "user", "assistant"]
    assert sent[2].text == "one\n[Its pictures and files follow.]"
    assert sent[4].content == (TextPart("[From the result of shot:]"), SHOWN)


async def test_pictures_of_a_result_join_the_next_message_of_the_user(files: FileStore) -> None:
    asked = assistant("", ToolCall("c1", "shot", "{}"))
    sent = await resolved(files, asked, tool_result("c1", "shot", "", (PNG,)), user("and?"))
    assert [message.role for message in sent] == ["assistant", "tool", "user"]
    assert sent[2].content == (TextPart("[From the result of shot:]"), SHOWN, TextPart("and?"))


async def test_the_beginning_of_a_request_stays_as_the_thread_grows(files: FileStore) -> None:
    asked = assistant("", ToolCall("c1", "shot", "{}"))
    thread = [said(PNG), asked, tool_result("c1", "shot", "", (PNG,)), assistant("seen"), user("more")]
    longest = await resolved(files, *thread)
    for length in (1, 3, 4):
        shorter = await resolved(files, *thread[:length])
        assert longest[: len(shorter)] == shorter
