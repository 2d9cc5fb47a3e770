"""User code: finds and imports the user's Python files."""
