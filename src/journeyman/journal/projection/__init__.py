"""Projection: which rows each event changes."""
