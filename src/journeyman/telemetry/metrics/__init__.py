"""Metrics: counters and histograms, how they are updated and exposed to Prometheus."""
