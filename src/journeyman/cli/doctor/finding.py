"""What `journeyman doctor` says of one thing that it looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from journeyman.errors import BaseError

State = Literal["fine", "warning", "broken"]


class CheckResult(msgspec.Struct, frozen=True):
    """One thing looked at. `fine`, `warning` (works, but), `broken` (the server would not start or work)."""

    what: str
    state: State
    text: str


def checked_safely(what: str, look: Callable[[], CheckResult]) -> CheckResult:
    """What the look found, or why it could not look: one that fails does not keep the next from being looked at."""
    try:
        return look()
    except (BaseError, ImportError, OSError) as exc:
        return CheckResult(what, "broken", str(exc))
