"""Bounds the large answers that the clients of one principal have asked for and not read yet."""

from __future__ import annotations

from journeyman.api.problems import RequestError

LARGE_BYTES = 256 << 10  # smaller answers are not counted, and larger ones are sent in slices of this size


class UnreadBytes:
    """The bytes of large answers that are being sent, by principal.

    A single answer may be larger than the limit: it is sent while nothing else of its principal is.
    """

    def __init__(self, limit: int = 64 << 20) -> None:
        self._limit = limit
        self._bytes: dict[str, int] = {}

    def add(self, principal: str, count: int) -> bool:
        """Count an answer, or a frame of a stream. Returns False if there is no room for it: then it is not counted."""
        unread = self._bytes.get(principal, 0)
        if unread and unread + count > self._limit:
            return False
        self._bytes[principal] = unread + count
        return True

    def remove(self, principal: str, count: int) -> None:
        """Release an answer that was sent, or whose client is gone."""
        left = self._bytes[principal] - count
        if left:
            self._bytes[principal] = left
        else:
            del self._bytes[principal]


def too_much_unread() -> RequestError:
    """Return the error of an answer for which there is no room."""
    text = "Other large answers to you are not read yet. Read them, then ask again."
    return RequestError(text, status=503, code="too_much_unread")
