"""The schemas of tools: from a function's signature to JSON Schema, and the checks of a call's arguments."""
