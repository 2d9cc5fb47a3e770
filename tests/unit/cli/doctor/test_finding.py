"""One thing that the doctor looked at."""

from __future__ import annotations

import pytest

from journeyman.cli.doctor.finding import CheckResult, run_check
from journeyman.errors import ConfigurationError


def test_what_was_found_is_passed_on() -> None:
    found = CheckResult("python", "warning", "old")
    assert run_check("python", lambda: found) is found


@pytest.mark.parametrize("error", [ConfigurationError("no"), ImportError("no"), PermissionError("no")])
def test_a_look_that_fails_is_a_finding(error: Exception) -> None:
    def look() -> CheckResult:
        raise error

    assert run_check("disk", look) == CheckResult("disk", "broken", "no")


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_check("disk", lambda: 1 / 0)  # type: ignore[arg-type, return-value]
