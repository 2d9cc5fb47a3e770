"""Logs, metrics and traces, made from committed events and from the signals of guards."""
