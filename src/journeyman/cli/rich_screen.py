"""A screen on a terminal: a spinner, and replies as Markdown. Imports rich, so only a chat on a terminal imports it."""

from __future__ import annotations

import re
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.spinner import Spinner
from rich.text import Text

from journeyman.cli.output import printable

FRAMES_PER_SECOND = 8
_FENCE = re.compile(r"^ {0,3}(```|~~~)", re.MULTILINE)
_BLOCK_END = re.compile(r"\n[ \t]*\n(?=\S)")


class RichScreen:
    """A screen that shows each finished block of a reply as Markdown, and below it the text that still arrives.

    Text of a model or a tool is made printable first, and links are written out, so that no escape sequence in it
    reaches the terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = Console(file=stream, highlight=False)
        self._live: Live | None = None
        self._text = ""  # of the reply
        self._shown = 0  # characters of it that are shown as finished blocks
        self._label = ""

    def append(self, text: str) -> None:
        """See `Screen.append`."""
        self._text += text
        end = self._shown + finished_length(self._text[self._shown :])
        self._print_blocks(end)
        self._draw()

    def replace(self, text: str) -> None:
        """See `Screen.replace`."""
        if text.startswith(self._text):
            self.append(text[len(self._text) :])
            return
        self.end_reply()
        self.append(text)

    def end_reply(self) -> None:
        """See `Screen.end_reply`."""
        self._print_blocks(len(self._text))
        self._text, self._shown = "", 0
        self._draw()

    def note(self, text: str, colour: str = "dim") -> None:
        """See `Screen.note`."""
        self._print_blocks(len(self._text))
        self._console.print(Text(printable(text), style=colour), soft_wrap=True)

    def busy(self, label: str) -> None:
        """See `Screen.busy`."""
        self._label = label
        if self._live is None:
            self._live = Live(console=self._console, transient=True, refresh_per_second=FRAMES_PER_SECOND)
            self._live.start()
        self._live.update(self._pending(), refresh=True)

    def release(self) -> None:
        """See `Screen.release`."""
        self._print_blocks(len(self._text))
        live, self._live, self._label = self._live, None, ""
        if live is not None:
            live.stop()

    def _print_blocks(self, end: int) -> None:
        """Print the reply up to the character `end` as Markdown."""
        block, self._shown = self._text[self._shown : end], max(self._shown, end)
        if not block.strip():
            return
        if self._live is not None:
            self._live.update(Text(""))  # the block takes the place of its raw text
        markdown = Markdown(printable(block), code_theme="ansi_dark", hyperlinks=False)
        self._console.print(markdown)

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self._pending())

    def _pending(self) -> RenderableType:
        """Return what stands below the finished blocks: the text that still arrives, above the spinner."""
        spinner = Spinner("dots", Text(printable(self._label), style="dim"))
        lines = printable(self._text[self._shown :]).splitlines()[-max(1, self._console.height - 3) :]
        return Group(Text("\n".join(lines)), spinner) if lines else spinner


def finished_length(text: str) -> int:
    """Return the length of the Markdown blocks in `text` that more text cannot change.

    A block ends at a blank line that is not in fenced code, if the next line is not indented.
    """
    end = 0
    for match in _BLOCK_END.finditer(text):
        if len(_FENCE.findall(text, 0, match.end())) % 2 == 0:
            end = match.end()
    return end
