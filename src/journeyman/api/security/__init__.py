"""API security: who calls, which scope a route needs, and how often a caller may call."""
