"""Inline tools: async tools that run on the event loop."""
