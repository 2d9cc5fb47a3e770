"""The cache of tool results: what is cached, for whom and how long, and where."""
