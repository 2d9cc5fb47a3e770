from __future__ import annotations

import pytest

from journeyman.cli.exit_codes import exit_code
from journeyman.errors import (
    BaseError,
    ConfigurationError,
    NotFoundError,
    ServiceUnavailableError,
    ToolError,
    ValidationError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ToolError("x"), 1),
        (ValidationError("x"), 2),
        (ConfigurationError("x"), 3),
        (NotFoundError("x"), 4),
        (ServiceUnavailableError("x"), 5),
    ],
)
def test_exit_codes(error: BaseError, code: int) -> None:
    assert exit_code(error) == code
