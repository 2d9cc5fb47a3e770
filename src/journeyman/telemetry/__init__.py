"""Readers of events and signals: logs, metrics, traces."""
