"""The use cases of threads and contexts."""

from __future__ import annotations

from collections.abc import Sequence

from journeyman.events.messages import JSON, Message
from journeyman.journal.journal import MessageRow, ThreadRow


class Threads:
    """Every method takes the caller's principal; another's thread raises NotFoundError."""

    async def create(
        self, principal: str, thread_id: str | None, title: str = "", meta: dict[str, JSON] | None = None
    ) -> ThreadRow:
        """Make a thread. Raises StateError `thread_exists`, ValidationError (the id)."""
        raise NotImplementedError

    async def get(self, principal: str, thread_id: str) -> ThreadRow:
        raise NotImplementedError

    async def list(self, principal: str, cursor: str | None, limit: int) -> Sequence[ThreadRow]:
        """By thread id; the next cursor is the last row's key. Hidden threads (lone tool calls) are left out."""
        raise NotImplementedError

    async def erase(self, principal: str, thread_id: str) -> None:
        """Cancel what runs, then delete the thread and all that was said in it."""
        raise NotImplementedError

    async def messages(self, principal: str, thread_id: str, after: int, limit: int) -> Sequence[MessageRow]:
        """Numbered messages with no > after, in order."""
        raise NotImplementedError

    async def add_message(self, principal: str, thread_id: str, message: Message) -> int | None:
        """A message without a run: its number, or None while a run holds the thread (numbered when that ends)."""
        raise NotImplementedError

    async def patch_context(self, principal: str, thread_id: str, patch: dict[str, JSON]) -> dict[str, JSON]:
        """Merge-patch the thread's context and return it. Raises ValidationError over 64 KiB."""
        raise NotImplementedError

    async def global_context(self, principal: str) -> dict[str, JSON]:
        raise NotImplementedError

    async def patch_global_context(self, principal: str, patch: dict[str, JSON]) -> dict[str, JSON]:
        raise NotImplementedError
