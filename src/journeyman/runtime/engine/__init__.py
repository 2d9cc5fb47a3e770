"""The engine: decides, performs and records the steps of each run."""
