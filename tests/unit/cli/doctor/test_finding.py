"""One thing that the doctor looked at."""

from __future__ import annotations

import pytest

from journeyman.cli.doctor.finding import CheckResult, checked_safely
from journeyman.errors import ConfigurationError


def test_what_was_found_is_passed_on() -> None:
    found = CheckResult("python", "warning", "old")
    assert checked_safely("python", lambda: found) is found


@pytest.mark.parametrize("error", [ConfigurationError("no"), ImportError("no"), PermissionError("no")])
def test_a_look_that_fails_is_a_finding(error: Exception) -> None:
    def look() -> CheckResult:
        raise error

    assert checked_safely("disk", look) == CheckResult("disk", "broken", "no")


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        checked_safely("disk", lambda: 1 / 0)  # type: ignore[arg-type, return-value]
