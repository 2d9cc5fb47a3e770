"""Names of threads, streams and single events: the one place that formats and parses them.

A stream is a run (named by the run's id), a thread (`thread:` and its key) or a principal (`principal:` and its name).
"""

from __future__ import annotations

import msgspec

_THREAD = "thread:"
_PRINCIPAL = "principal:"
_LOCAL = "local"  # the principal of all while authentication is off
_HIDDEN = "!"  # begins the id of a hidden thread; an id from a caller cannot hold it


class ThreadRef(msgspec.Struct, frozen=True):
    """A principal's thread. Events and rows name it by its key, `principal/id`."""

    principal: str
    id: str

    @classmethod
    def parse(cls, key: str) -> ThreadRef:
        """Return the thread that a key names. A thread id holds no slash, so the last slash ends the principal."""
        principal, _, id = key.rpartition("/")
        return cls(principal, id)

    @classmethod
    def hidden(cls, principal: str, id: str) -> ThreadRef:
        """Return a thread that no caller can name, for a lone tool call or a child run."""
        return cls(principal, f"{_HIDDEN}{id}")

    @property
    def is_hidden(self) -> bool:
        return self.id.startswith(_HIDDEN)

    @property
    def key(self) -> str:
        return f"{self.principal}/{self.id}"

    @property
    def stream(self) -> str:
        return thread_stream(self.key)


def share_of(principal: str, thread: str) -> str:
    """Return by whom slots are shared: the principal, or the thread's key while authentication is off."""
    return thread if principal == _LOCAL else principal


class EventRef(msgspec.Struct, frozen=True):
    """A stored event. Idempotency records name it by its key, `stream#seq`."""

    stream: str
    seq: int

    @classmethod
    def parse(cls, key: str) -> EventRef:
        stream, _, seq = key.rpartition("#")
        return cls(stream, int(seq))

    @property
    def key(self) -> str:
        return f"{self.stream}#{self.seq}"


def thread_stream(key: str) -> str:
    """Return the stream of the thread with this key."""
    return _THREAD + key


def principal_stream(principal: str) -> str:
    """Return the stream of a principal, for events outside of its threads."""
    return _PRINCIPAL + principal


def is_run(stream: str) -> bool:
    """Return whether the stream is a run's."""
    return not stream.startswith((_THREAD, _PRINCIPAL))


def is_thread(stream: str) -> bool:
    """Return whether the stream is a thread's."""
    return stream.startswith(_THREAD)


def run_of_stream(stream: str) -> str | None:
    """Return the id of the run whose stream this is. Returns None for any other stream."""
    return stream if is_run(stream) else None


def thread_key_of(stream: str) -> str:
    """Return the key of the thread whose stream this is."""
    return stream.removeprefix(_THREAD)


def principal_of_stream(stream: str) -> str:
    """Return the principal whose stream this is."""
    return stream.removeprefix(_PRINCIPAL)


def thread_key_range(principal: str) -> tuple[str, str]:
    """Return two keys between which the keys of all the principal's threads sort."""
    return f"{principal}/", f"{principal}0"  # "0" follows "/"


def visible_key_range(principal: str, prefix: str = "") -> tuple[str, str]:
    """Return two keys between which the keys of the principal's threads with this prefix sort, without hidden ones."""
    if not prefix:
        return last_hidden_key(principal), thread_key_range(principal)[1]
    first = ThreadRef(principal, prefix).key
    return max(first, last_hidden_key(principal)), first + chr(0x10FFFF)


def event_key_range(stream: str) -> tuple[str, str]:
    """Return two keys: those of the stream's events sort from the first on and before the second."""
    return f"{stream}#", f"{stream}$"  # "$" follows "#"


def last_hidden_key(principal: str) -> str:
    """Return a key behind those of the principal's hidden threads and before those of all others."""
    return ThreadRef(principal, chr(ord(_HIDDEN) + 1)).key
