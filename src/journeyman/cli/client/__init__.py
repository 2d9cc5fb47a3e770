"""API clients of the command line: over HTTP, over a journal file, or in process."""
