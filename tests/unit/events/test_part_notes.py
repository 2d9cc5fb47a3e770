"""Notes say what a model is not shown."""

from __future__ import annotations

from journeyman.events.messages import FilePart, ImagePart, Message, TextPart, user
from journeyman.events.part_notes import FILE, PICTURE, noted, part_note

SEEN = Message(role="user", content=(TextPart("see"), ImagePart(file="f1"), FilePart("data:,", "a.pdf")))


def test_the_kinds_that_are_refused_become_notes_and_no_others() -> None:
    other = user("hi")
    (seen, same) = noted((SEEN, other), {PICTURE})
    note = TextPart("\n[Picture (f1): this model cannot see pictures]")
    assert seen.content == (TextPart("see"), note, FilePart("data:,", "a.pdf"))
    assert same is other
    assert noted((SEEN,), {FILE})[0].content[2] == TextPart("\n[File 'a.pdf': this model cannot read it]")
    assert noted((SEEN,), set())[0] == SEEN


def test_a_note_names_the_part_as_far_as_it_has_a_name() -> None:
    assert part_note(ImagePart("data:,"), "gone").text == "\n[Picture: gone]"
    assert part_note(FilePart(file="f", name="a"), "gone").text == "\n[File 'a' (f): gone]"
