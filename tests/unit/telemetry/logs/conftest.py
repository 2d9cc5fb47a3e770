from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.root_logger import restored


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """The root logger as it was."""
    with restored():
        yield
