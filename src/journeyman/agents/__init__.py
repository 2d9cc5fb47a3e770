"""Agents: pure functions from the state of a run to the actions that may start now. No I/O, by an import contract."""
