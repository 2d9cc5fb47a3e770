"""The offline model, which gives deterministic replies without a gateway."""
