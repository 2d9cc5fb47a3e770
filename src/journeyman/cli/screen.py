"""Where a transcript is shown: the interface, and the plain screen, which writes text as it arrives."""

from __future__ import annotations

from typing import Protocol

from journeyman.cli.output import CommandOutput, printable


class Screen(Protocol):
    """A place that shows one reply at a time, with notes between replies."""

    def append(self, text: str) -> None:
        """Show more text of the reply."""
        ...

    def replace(self, text: str) -> None:
        """Show what `text` adds to the reply, or begin anew if it is a different text."""
        ...

    def end_reply(self) -> None:
        """End the reply. The next text begins another one."""
        ...

    def note(self, text: str, colour: str = "dim") -> None:
        """Show a line that is not part of a reply."""
        ...

    def busy(self, label: str) -> None:
        """Say what the run is doing, until there is something else to show."""
        ...

    def release(self) -> None:
        """Leave the terminal as it is, so that others can write to it or read from it."""
        ...


class PlainScreen:
    """A screen that writes to a CommandOutput and never moves the cursor."""

    def __init__(self, output: CommandOutput) -> None:
        self._output = output
        self._text = ""  # of the reply, as printed
        self._column = 0

    def append(self, text: str) -> None:
        """See `Screen.append`."""
        self._text += text
        if text:
            self._output.write(printable(text))
            self._column = 0 if text.endswith("\n") else 1

    def replace(self, text: str) -> None:
        """See `Screen.replace`."""
        if text.startswith(self._text):
            self.append(text[len(self._text) :])
            return
        self.end_reply()
        self.append(text)

    def end_reply(self) -> None:
        """See `Screen.end_reply`."""
        self._end_line()
        self._text = ""

    def note(self, text: str, colour: str = "dim") -> None:
        """See `Screen.note`."""
        self._end_line()
        self._output.write(self._output.paint(text, colour) + "\n")

    def busy(self, label: str) -> None:
        """Do nothing: a line that was written cannot be taken back."""

    def release(self) -> None:
        """See `Screen.release`."""
        self._end_line()

    def _end_line(self) -> None:
        if self._column:
            self._output.write("\n")
            self._column = 0
