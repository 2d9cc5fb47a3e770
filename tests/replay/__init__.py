"""Golden journals of released versions."""
