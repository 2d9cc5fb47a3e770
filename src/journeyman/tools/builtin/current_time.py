"""`current_time`: the current time in any time zone."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

from journeyman.clock import Clock
from journeyman.tools.tool import BaseTool


class CurrentTime(BaseTool):
    """The tool that returns the current time in ISO 8601 with its offset."""

    name = "current_time"
    description = "Get the current date and time."
    effects = "none"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, timezone: str = "UTC") -> str:
        """Get the current date and time.

        Args:
            timezone: IANA name of a time zone, such as Europe/Berlin.
        """
        now = datetime.fromtimestamp(self._clock.now() / 1_000_000, tz=UTC)
        return now.astimezone(_zone(timezone)).isoformat(timespec="seconds")


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name[:60]!r}; use an IANA name such as Europe/Berlin") from None
