"""Identifiers, given and never fetched: 128 random bits, or a sequence for tests."""

from __future__ import annotations

import itertools
import secrets
from typing import Protocol


class Ids(Protocol):
    """Makes identifiers that cannot be guessed or used twice."""

    def new(self, kind: str) -> str:
        """A fresh id such as `run_4f…`; `kind` is its prefix."""
        ...


class SecretSource(Protocol):
    """Makes what nobody may guess: keys and their public halves."""

    def hexadecimal(self, bytes: int) -> str: ...

    def token(self, bytes: int) -> str:
        """URL-safe text of so many random bytes."""
        ...


class RandomSecretSource:
    """From the kernel's randomness."""

    def hexadecimal(self, bytes: int) -> str:
        return secrets.token_hex(bytes)

    def token(self, bytes: int) -> str:
        return secrets.token_urlsafe(bytes)


ID_BYTES = 16
DRAWN = 256  # ids a draw: the kernel's source costs 2 to 100 µs a call, and a request needs three ids


class RandomIds:
    """128 random bits in hexadecimal behind the kind; the kernel's randomness, drawn for many ids at once."""

    def __init__(self) -> None:
        self._bits = ""
        self._at = 0

    def new(self, kind: str) -> str:
        if self._at >= len(self._bits):
            self._bits, self._at = secrets.token_hex(ID_BYTES * DRAWN), 0
        start, self._at = self._at, self._at + 2 * ID_BYTES
        return f"{kind}_{self._bits[start : self._at]}"


class SequentialIds:
    """run_1, run_2, …: for tests that compare whole journals."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"
