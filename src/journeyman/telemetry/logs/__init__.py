"""Logs: setup, formats and masking."""
