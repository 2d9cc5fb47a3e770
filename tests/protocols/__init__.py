"""Clients that others wrote, run against a real server: `make test-protocols`."""
