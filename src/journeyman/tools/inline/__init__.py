"""inline."""
