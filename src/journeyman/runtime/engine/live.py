"""What is happening now and is never stored: the text of open model calls, and progress of tools.

Known secrets are replaced as in stored events, so that what was shown is what will be stored.
Readers keep a place (call, attempt, offset) in the one shared text: nothing is buffered for any of them, so a reader
that stops reading costs nothing and delays nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from journeyman.events.codec import Codec
from journeyman.llm.client import TextDelta as ModelDelta
from journeyman.masking import StreamingMasker
from journeyman.runtime.engine.frames import Delta, Progress, Snapshot

TEXT_CAP = 4_000_000  # characters kept of one reply while it comes
PROGRESS_CAP = 32  # newest reports kept of one run


@dataclass(slots=True)
class LiveText:
    """The text of one model call so far, as it may be shown; a new attempt starts over."""

    call: str
    attempt: int
    text: str = ""
    gaps: StreamingMasker | None = None  # None: there is no secret to look for
    offset_attempt: int = 1  # the gateway client's own try, within this attempt
    open: bool = True


@dataclass(slots=True)
class LiveRun:
    """One run's live side. `wake` rings its readers."""

    wake: Callable[[], None]
    codec: Codec = field(default_factory=Codec)
    texts: dict[str, LiveText] = field(default_factory=dict)
    progress: list[tuple[int, Progress]] = field(default_factory=list)
    reports: int = 0

    def begin(self, call: str, attempt: int) -> LiveText:
        """A model call starts: texts of calls that are over are forgotten."""
        self.texts = {name: text for name, text in self.texts.items() if text.open and name != call}
        text = self.texts[call] = LiveText(call, attempt, gaps=self._gaps())
        return text

    def extend(self, text: LiveText, delta: ModelDelta) -> None:
        if delta.attempt != text.offset_attempt:
            text.offset_attempt = delta.attempt
            text.attempt += 1
            text.text, text.gaps = "", self._gaps()
        if len(text.text) < TEXT_CAP:
            text.text += delta.text if text.gaps is None else text.gaps.feed(delta.text)
        self.wake()

    def finish(self, text: LiveText) -> None:
        """The reply is complete: what waited, since it might have begun a secret, is shown."""
        if text.gaps is not None and (rest := text.gaps.whole("")):
            text.text += rest
            self.wake()
        text.open = False

    def report(self, call: str, value: str | float) -> None:
        self.reports += 1
        shown = self.codec.clean(value) if isinstance(value, str) else value
        self.progress = [*self.progress, (self.reports, Progress(call, shown))][-PROGRESS_CAP:]
        self.wake()

    def text_of(self, call: str) -> str:
        """Return what an open model call has said so far."""
        text = self.texts.get(call)
        return text.text if text else ""

    def _gaps(self) -> StreamingMasker | None:
        return StreamingMasker(self.codec.mask) if self.codec.mask else None


class StreamPosition:
    """One reader's place in a run's live side."""

    def __init__(self, live: LiveRun | None) -> None:
        self._at: dict[str, tuple[int, int]] = {}  # call -> (attempt, offset) up to which it was read
        self._over = {name for name, text in live.texts.items() if not text.open} if live else set()
        self._live = live
        self._reports = live.reports if live else 0

    def catch_up(self, live: LiveRun) -> Iterator[Snapshot]:
        """What a reader that joins needs first: all text of the open calls."""
        for name, text in live.texts.items():
            if text.open and text.text:
                self._at[name] = (text.attempt, len(text.text))
                yield Snapshot(name, text.attempt, text.text)

    def news(self, live: LiveRun) -> Iterator[Delta | Progress]:
        """What has come since."""
        if live is not self._live:  # the run rested and goes on: its reports count from 1 again
            self._live, self._reports = live, 0
        for name, text in live.texts.items():
            if name in self._over:
                continue
            attempt, offset = self._at.get(name, (text.attempt, 0))
            if attempt != text.attempt:
                offset = 0
            if len(text.text) > offset:
                self._at[name] = (text.attempt, len(text.text))
                yield Delta(name, text.attempt, offset, text.text[offset:])
        if live.reports != self._reports:
            seen, self._reports = self._reports, live.reports
            yield from (progress for number, progress in live.progress if number > seen)

    def replied(self, call: str) -> None:
        """The stored reply was read: it is final."""
        self._over.add(call)
