"""Traces: spans made from the events of a run, and their export."""
