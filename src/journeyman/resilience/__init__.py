"""Limits on what may go wrong outside: pure state machines over a given clock."""
