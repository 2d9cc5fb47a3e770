from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from journeyman.telemetry.metrics.instruments import (
    MOST_LABEL_SETS,
    Counter,
    Distribution,
    Histogram,
)


@given(st.integers(0, 3 * MOST_LABEL_SETS), st.integers(1, 3))
def test_no_figure_grows_without_bound(different: int, width: int) -> None:
    counter, histogram = Counter("c", "", *"abc"[:width]), Histogram("h", "", *"abc"[:width])
    for number in range(different):
        labels = (str(number),) * width
        counter.add(labels)
        histogram.observe(1.0, labels)
    counted, spread = counter.read().samples, histogram.read().samples
    assert len(counted) == len(spread) == min(different, MOST_LABEL_SETS + 1)
    assert sum(value for value in counted.values() if isinstance(value, float)) == different
    assert sum(sum(each.counts) for each in spread.values() if isinstance(each, Distribution)) == different
