"""The settings of a command."""

from __future__ import annotations

import pytest

from journeyman.cli.given_settings import read_settings
from journeyman.errors import ConfigurationError


def test_what_the_command_was_given_counts_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8001")
    assert (read_settings().port, read_settings(port=8002).port) == (8001, 8002)
    monkeypatch.setenv("PORT", "none")
    with pytest.raises(ConfigurationError):
        read_settings()
