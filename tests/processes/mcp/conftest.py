"""The fixtures of the MCP tests."""

from __future__ import annotations

from tests.harness.mcp_fixtures import peer, running

__all__ = ["peer", "running"]
