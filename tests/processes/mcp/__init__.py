"""MCP servers as real processes."""
