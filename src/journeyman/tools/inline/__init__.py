"""Inline tools: `async def` tools that run on the server's event loop."""
