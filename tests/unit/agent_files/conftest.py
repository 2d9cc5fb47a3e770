"""The fixtures of tests that load agent files."""

from __future__ import annotations

from tests.harness.load_context import load_context

__all__ = ["load_context"]
