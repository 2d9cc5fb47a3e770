"""Finds, reads and imports the user's Python files."""
