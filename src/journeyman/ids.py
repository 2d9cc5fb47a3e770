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


class RandomIds:
    """128 random bits in hexadecimal behind the kind."""

    def new(self, kind: str) -> str:
        return f"{kind}_{secrets.token_hex(16)}"


class SequentialIds:
    """run_1, run_2, …: for tests that compare whole journals."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"
