"""The fixtures of the MCP tests."""

from __future__ import annotations

from harness.mcp_rig import peer, running

__all__ = ["peer", "running"]
