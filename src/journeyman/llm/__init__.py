"""Language models: one port, the gateway behind it, and models that need none."""
