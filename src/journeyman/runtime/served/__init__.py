"""Served agents: the agents and versions that this process runs."""
