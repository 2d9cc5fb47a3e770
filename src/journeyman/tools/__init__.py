"""Tools: how they are written, found, checked, registered and run."""
