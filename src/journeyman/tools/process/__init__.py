"""Worker processes: how tools run outside the server process."""
