"""The journal: the port through which events are committed and read, and its two backends (memory, SQLite)."""
