"""A conversation with an agent on a terminal or through a pipe."""
