"""The settings of a command, imported when it reads them: the library behind them is a third of a help text's time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from journeyman.settings import Settings


def read_settings(**given: Any) -> Settings:
    """Return the settings of the environment, with those that the command was given. Raises ConfigurationError."""
    from journeyman.settings import Settings  # 0.1 s, which a help text need not wait for

    return Settings.read(**given)
