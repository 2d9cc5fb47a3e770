"""The projection: how each event changes the rows."""
