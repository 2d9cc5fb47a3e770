from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from journeyman.telemetry.metrics.instruments import (
    MAX_LABEL_SETS,
    Counter,
    Distribution,
    Histogram,
)


@given(st.integers(0, 3 * MAX_LABEL_SETS), st.integers(1, 3))
def test_no_metric_grows_without_limit(different: int, width: int) -> None:
    counter, histogram = Counter("c", "", *"abc"[:width]), Histogram("h", "", *"abc"[:width])
    for number in range(different):
        labels = (str(number),) * width
        counter.add(labels)
        histogram.observe(1.0, labels)
    sums, distributions = counter.read().samples, histogram.read().samples
    assert len(sums) == len(distributions) == min(different, MAX_LABEL_SETS + 1)
    assert sum(value for value in sums.values() if isinstance(value, float)) == different
    assert sum(sum(value.counts) for value in distributions.values() if isinstance(value, Distribution)) == different
