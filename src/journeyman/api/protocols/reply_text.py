"""ReplyText: the text of a run as one growing text, for clients that cannot take back what they were sent."""

from __future__ import annotations

import re

_OF_RUN = re.compile(r"m\d+")  # the run's own model calls, outside of a graph's branches
_SEPARATOR = "\n\n"  # between two replies of one run


class ReplyText:
    """Joins the replies of a run. Each method returns what is to be sent now, which may be nothing.

    Texts are kept in pieces, so that a long reply in small deltas costs no more than its length.
    """

    def __init__(self) -> None:
        self._sent: list[str] = []
        self._call = ("", 0)  # the call whose text is being sent, and its attempt
        self._pieces: list[str] = []  # what was sent of this call
        self._length = 0

    @property
    def sent(self) -> str:
        """All that was to be sent so far."""
        return "".join(self._sent)

    def delta(self, call: str, attempt: int, offset: int, text: str) -> str:
        """Add live text of a model call."""
        if not _OF_RUN.fullmatch(call):
            return ""
        if (call, attempt) == self._call and offset == self._length:
            return self._send(text)
        return self._update(call, attempt, "".join(self._pieces)[:offset] + text)

    def replied(self, call: str, attempt: int, text: str) -> str:
        """Note the whole text of a reply."""
        return self._update(call, attempt, text) if _OF_RUN.fullmatch(call) else ""

    def ended(self, output: str) -> str:
        """Note the answer of the run, which is that of the last reply for most agents."""
        return "" if "".join(self._pieces) == output else self._update("end", 1, output)

    def _update(self, call: str, attempt: int, text: str) -> str:
        """Note the text of a call so far, which may be that of another attempt than was sent."""
        before = "".join(self._pieces) if call == self._call[0] else ""
        self._call = (call, attempt)
        if before.startswith(text) and before:  # it has not got further than what was sent
            return ""
        if before and text.startswith(before):
            return self._send(text[len(before) :])
        self._pieces, self._length = [], 0
        return self._send(text)

    def _send(self, text: str) -> str:
        if not text:
            return ""
        between = _SEPARATOR if self._sent and not self._pieces else ""
        self._pieces.append(text)
        self._length += len(text)
        self._sent.append(between + text)
        return between + text
