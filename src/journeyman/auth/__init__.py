"""Who is calling. Knows no web framework."""
