"""What holds for every property: a loaded machine is slow, and slowness alone breaks none.

Hypothesis bounds each example's wall time otherwise; a test that means speed measures CPU time itself.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
