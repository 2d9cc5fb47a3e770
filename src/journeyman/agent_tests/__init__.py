"""Runs that become tests: a record is played again through today's code, and what differs is named."""
