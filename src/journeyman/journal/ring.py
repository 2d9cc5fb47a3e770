"""A reader's place by a stream of the journal."""

from __future__ import annotations

from typing import Protocol


class Ring(Protocol):
    """A reader's place by a stream: it is woken when something happened there. Nothing is buffered for it."""

    @property
    def head(self) -> int:
        """The highest committed seq that this process has seen of the stream since the ring was taken; 0: none."""
        ...

    async def wait(self) -> None:
        """Return at the next commit or `ring` on the stream, at once if one came since the last return."""
        ...

    def close(self) -> None: ...
