"""The result of one check of `journeyman doctor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from journeyman.errors import BaseError

State = Literal["fine", "warning", "broken"]


class CheckResult(msgspec.Struct, frozen=True):
    """The result of one check. `broken`: the server would not start or not work; `warning`: it works, with a risk."""

    what: str
    state: State
    text: str


def run_check(what: str, check: Callable[[], CheckResult]) -> CheckResult:
    """Return the check's result, or `broken` with the error if the check fails, so that the next checks still run."""
    try:
        return check()
    except (BaseError, ImportError, OSError) as exc:
        return CheckResult(what, "broken", str(exc))
