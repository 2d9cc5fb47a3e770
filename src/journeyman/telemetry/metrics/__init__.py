"""Metrics: counters and histograms, how they are updated, and how Prometheus reads them."""
