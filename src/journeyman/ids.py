"""Sources of identifiers and secrets, which are passed to the parts that need them: random, or a sequence for tests."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from typing import Protocol

APPROVAL = "appr"
_ID_BYTES = 16
_IDS_PER_READ = 256  # one read of the kernel's randomness costs 2 to 100 µs, and a request needs three ids


class Ids(Protocol):
    """A source of unique identifiers that cannot be guessed."""

    def new(self, kind: str) -> str:
        """Return a new id with the prefix `kind`, such as `run_4f…`."""
        ...


class SecretSource(Protocol):
    """A source of unpredictable texts for API keys."""

    def hexadecimal(self, bytes: int) -> str:
        """Return `bytes` random bytes as hexadecimal digits."""
        ...

    def token(self, bytes: int) -> str:
        """Return `bytes` random bytes as URL-safe base64."""
        ...


class RandomSecretSource:
    """A source of secrets that uses the operating system's randomness."""

    def hexadecimal(self, bytes: int) -> str:
        return secrets.token_hex(bytes)

    def token(self, bytes: int) -> str:
        return secrets.token_urlsafe(bytes)


class RandomIds:
    """A source of ids with 128 random bits, which it reads from the kernel for 256 ids at once.

    Ids of approvals sort in the order in which they were made, so that lists by id show them so: they begin with the
    time in microseconds, and 76 bits are random.
    """

    def __init__(self) -> None:
        self._buffer = ""
        self._position = 0
        self._last = 0

    def new(self, kind: str) -> str:
        if kind == APPROVAL:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            return f"{kind}_{self._last:013x}{self._random()[13:]}"
        return f"{kind}_{self._random()}"

    def _random(self) -> str:
        if self._position >= len(self._buffer):
            self._buffer, self._position = secrets.token_hex(_ID_BYTES * _IDS_PER_READ), 0
        start, self._position = self._position, self._position + 2 * _ID_BYTES
        return self._buffer[start : self._position]


class SequentialIds:
    """A source of predictable ids (run_1, run_2, …) for tests that compare whole journals."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"


# What callers may choose. The same patterns stand in the OpenAPI document; `(?!\n)` is for Python, whose `$` would
# accept a line break at the end.
THREAD_ID = r"^(?!\.{1,2}$)[A-Za-z0-9._~:@+=-]{1,200}(?!\n)$"
RESOURCE_NAME = r"^[A-Za-z0-9_.:/-]{1,200}(?!\n)$"  # of agents, tools, runs, approvals and keys
IDEMPOTENCY_KEY = r"^[!-~]([ -~]{0,253}[!-~])?$"

_THREAD_ID = re.compile(THREAD_ID)
_RESOURCE_NAME = re.compile(RESOURCE_NAME)
_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY)


def is_thread_id(text: str) -> bool:
    """Check whether a caller may give a thread this id."""
    return _THREAD_ID.fullmatch(text) is not None


def is_resource_name(text: str) -> bool:
    """Check whether this may be the name or id of a stored resource."""
    return _RESOURCE_NAME.fullmatch(text) is not None


def is_idempotency_key(text: str) -> bool:
    """Check whether a new request may carry this key. Keys that are stored already are never checked again."""
    return _IDEMPOTENCY_KEY.fullmatch(text) is not None
