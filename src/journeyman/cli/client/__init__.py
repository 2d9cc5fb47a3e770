"""How commands reach runs and the journal: over HTTP, in this process, or by reading the journal file."""
