"""The built-in tools."""

from __future__ import annotations

from journeyman.clock import Clock
from journeyman.tools.builtin.calculator import Calculator
from journeyman.tools.builtin.current_time import CurrentTime
from journeyman.tools.builtin.http_get import HttpGet
from journeyman.tools.builtin.username import GetUsername
from journeyman.tools.tool import BaseTool


def builtin_tools(clock: Clock) -> tuple[BaseTool, ...]:
    """Return one instance of each built-in tool."""
    return (GetUsername(), CurrentTime(clock), Calculator(), HttpGet())
