"""What holds for every test: a loaded machine is slow, and slowness alone breaks none.

Hypothesis bounds each example's wall time otherwise; a test that means speed measures CPU time itself.
"""

from __future__ import annotations

import gc

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """What was collected stays: each later collection of garbage would look through all of it for nothing."""
    gc.collect()
    gc.freeze()
