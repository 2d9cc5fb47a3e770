"""The command line in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from journeyman.cli import main
from journeyman.settings import Settings
from tests.harness.root_logger import restored

Shell = Callable[..., tuple[int, str]]


@contextmanager
def shell_of(capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    """Runs commands: exit code and output. What they do to logging is undone at the end."""

    def run(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        return code, capsys.readouterr().out

    with restored():
        yield run


def without_our_variables(patch: pytest.MonkeyPatch) -> None:
    """No setting comes from the environment in which the tests run."""
    for name in Settings.model_fields:
        patch.delenv(name.upper(), raising=False)
