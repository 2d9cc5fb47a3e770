"""What a run shows while it happens and never stores: the text of open model calls, and progress of tools.

Known secrets are replaced as in stored events. Each reader keeps its position (call, attempt, offset) in the one shared
text, so nothing is buffered for readers, and a reader that stops reading delays no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from journeyman.events.codec import Codec
from journeyman.llm.client import TextDelta
from journeyman.masking import StreamingMasker
from journeyman.runtime.engine.frames import Delta, Progress, Snapshot

TEXT_CAP = 4_000_000  # characters kept of one reply while it comes
PROGRESS_CAP = 32  # newest reports kept of one run


class LiveText:
    """The text of one model call so far, as it may be shown. A new attempt starts with an empty text.

    `attempt` counts on when the model client tries again within an attempt of the run.
    """

    def __init__(self, call: str, attempt: int, codec: Codec) -> None:
        self.call = call
        self.attempt = attempt
        self.text = ""
        self.open = True
        self._codec = codec
        self._client_attempt = 1
        self._masker = self._new_masker()

    def extend(self, delta: TextDelta) -> None:
        """Add a piece of text; a piece of a new attempt replaces the text."""
        if delta.attempt != self._client_attempt:
            self._client_attempt = delta.attempt
            self.attempt += 1
            self.text, self._masker = "", self._new_masker()
        if len(self.text) < TEXT_CAP:
            self.text += delta.text if self._masker is None else self._masker.feed(delta.text)

    def finish(self) -> bool:
        """Close the text: its call has replied. Returns whether text was added that could have begun a secret."""
        self.open = False
        rest = self._masker.finish() if self._masker else ""
        self.text += rest
        return bool(rest)

    def _new_masker(self) -> StreamingMasker | None:
        """Return a masker, or None if there are no secrets to replace."""
        return StreamingMasker(self._codec.mask) if self._codec.mask else None


class LiveRun:
    """The live side of one run. `notify` wakes its readers."""

    def __init__(self, notify: Callable[[], None], codec: Codec | None = None) -> None:
        self._notify = notify
        self._codec = codec or Codec()
        self.texts: dict[str, LiveText] = {}
        self.progress: list[tuple[int, Progress]] = []
        self.reports = 0

    def begin(self, call: str, attempt: int) -> LiveText:
        """Start the text of a model call. Texts of calls that have replied are dropped."""
        self.texts = {name: text for name, text in self.texts.items() if text.open and name != call}
        text = self.texts[call] = LiveText(call, attempt, self._codec)
        return text

    def extend(self, text: LiveText, delta: TextDelta) -> None:
        """Add a piece of text and wake the readers."""
        text.extend(delta)
        self._notify()

    def finish(self, text: LiveText) -> None:
        """Close the text of a call that has replied."""
        if text.finish():
            self._notify()

    def report(self, call: str, value: str | float) -> None:
        """Show progress of a call to the readers."""
        self.reports += 1
        masked = self._codec.clean(value) if isinstance(value, str) else value
        self.progress = [*self.progress, (self.reports, Progress(call, masked))][-PROGRESS_CAP:]
        self._notify()

    def text_of(self, call: str) -> str:
        """Return the text of an open model call so far."""
        text = self.texts.get(call)
        return text.text if text else ""


class StreamPosition:
    """The position of one reader in a run's live side. `live` is None if the run was idle when the reader joined."""

    def __init__(self, live: LiveRun | None) -> None:
        self._read: dict[str, tuple[int, int]] = {}  # call -> (attempt, offset) up to which it was read
        self._final = {name for name, text in live.texts.items() if not text.open} if live else set()
        self._live = live
        self._reports = live.reports if live else 0

    def snapshots(self, live: LiveRun) -> Iterator[Snapshot]:
        """Yield the texts of the open calls so far, which a reader needs first."""
        for name, text in live.texts.items():
            if text.open and text.text:
                self._read[name] = (text.attempt, len(text.text))
                yield Snapshot(name, text.attempt, text.text)

    def new_frames(self, live: LiveRun) -> Iterator[Delta | Progress]:
        """Yield what was added since the last call."""
        if live is not self._live:  # the run was idle and goes on: its reports count from 1 again
            self._live, self._reports = live, 0
        for name, text in live.texts.items():
            if name in self._final:
                continue
            attempt, offset = self._read.get(name, (text.attempt, 0))
            if attempt != text.attempt:
                offset = 0
            if len(text.text) > offset:
                self._read[name] = (text.attempt, len(text.text))
                yield Delta(name, text.attempt, offset, text.text[offset:])
        if live.reports != self._reports:
            seen, self._reports = self._reports, live.reports
            yield from (progress for number, progress in live.progress if number > seen)

    def replied(self, call: str) -> None:
        """Stop reading the text of a call, because its stored reply was read, which is final."""
        self._final.add(call)
