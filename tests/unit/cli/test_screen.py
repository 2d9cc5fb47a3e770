from __future__ import annotations

import io

from journeyman.cli.output import CommandOutput
from journeyman.cli.screen import PlainScreen


def test_text_is_written_as_it_arrives_and_notes_have_lines_of_their_own() -> None:
    stream = io.StringIO()
    screen = PlainScreen(CommandOutput(stream=stream))
    screen.busy("thinking")
    screen.append("Hel")
    screen.replace("Hello\x1b")
    screen.note("a note")
    screen.replace("Bye")
    screen.release()
    screen.release()
    assert stream.getvalue() == "Hello\N{REPLACEMENT CHARACTER}\na note\nBye\n"
