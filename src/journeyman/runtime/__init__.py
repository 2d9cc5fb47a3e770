"""The runtime performs and records: only it decides when I/O happens, and only it appends events."""
