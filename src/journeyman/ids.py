"""Sources of identifiers and secrets, which are passed to the parts that need them: random, or a sequence for tests."""

from __future__ import annotations

import itertools
import secrets
from typing import Protocol

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
    """A source of ids with 128 random bits, which it reads from the kernel for 256 ids at once."""

    def __init__(self) -> None:
        self._buffer = ""
        self._position = 0

    def new(self, kind: str) -> str:
        if self._position >= len(self._buffer):
            self._buffer, self._position = secrets.token_hex(_ID_BYTES * _IDS_PER_READ), 0
        start, self._position = self._position, self._position + 2 * _ID_BYTES
        return f"{kind}_{self._buffer[start : self._position]}"


class SequentialIds:
    """A source of predictable ids (run_1, run_2, …) for tests that compare whole journals."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"
