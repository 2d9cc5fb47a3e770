"""The offline model: deterministic replies without a gateway."""
