from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from journeyman.telemetry.metrics.exposition import Exposition
from journeyman.telemetry.metrics.instruments import (
    Counter,
    Histogram,
)


@given(st.lists(st.floats(0, 1000), max_size=50))
async def test_the_scraped_values_are_the_counted_ones(values: list[float]) -> None:
    histogram = Histogram("journeyman_x_seconds", 'said "so"\n', "agent", bounds=(0.5, 10.0))
    for value in values:
        histogram.observe(value, ('a"\\\n',))
    body, content_type = await Exposition(lambda: [histogram.read()]).render("")
    assert content_type.startswith("text/plain; version=0.0.4")
    [family] = [each for each in text_string_to_metric_families(body.decode()) if each.name == "journeyman_x_seconds"]
    read = {(sample.name[20:], sample.labels.get("le")): sample.value for sample in family.samples}
    if values:
        assert read["_bucket", "0.5"] == sum(value <= 0.5 for value in values)
        assert read["_bucket", "10.0"] == sum(value <= 10 for value in values)
        assert read["_bucket", "+Inf"] == read["_count", None] == len(values)
        assert read["_sum", None] == pytest.approx(sum(values))
        assert family.samples[0].labels["agent"] == 'a"\\\n'


async def test_openmetrics_if_the_request_accepts_it() -> None:
    counter = Counter("journeyman_c", "A count.")
    counter.add()
    body, content_type = await Exposition(lambda: [counter.read()]).render("application/openmetrics-text;q=0.9")
    assert content_type.startswith("application/openmetrics-text")
    assert b"journeyman_c_total 1.0\n" in body
    assert body.endswith(b"# EOF\n")
