"""Tools: what they are, how they are found, checked and run."""
