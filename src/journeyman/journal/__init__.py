"""Where events live: one port, several backends, one contract."""
