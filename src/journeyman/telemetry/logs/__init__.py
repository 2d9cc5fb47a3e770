"""Logs: formatting, masking and setup."""
