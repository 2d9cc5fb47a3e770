"""The fixtures of tests that execute tools."""

from __future__ import annotations

from harness.tool_rig import host, request_for

__all__ = ["host", "request_for"]
