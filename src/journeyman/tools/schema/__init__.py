"""Schemas: from a function signature to JSON Schema, and the checks of arguments."""
