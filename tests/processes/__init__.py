"""Tests that start worker processes, MCP servers or whole applications."""
