"""The HTTP routes: one resource in each file."""
