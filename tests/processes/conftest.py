"""The fixtures of tests that execute tools."""

from __future__ import annotations

from tests.harness.tool_fixtures import host, request_for

__all__ = ["host", "request_for"]
