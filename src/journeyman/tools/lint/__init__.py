"""Lint: static checks of tool code, without running it."""
