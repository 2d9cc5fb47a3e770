"""Agents decide: pure functions from a run's state to the actions that may start now."""
