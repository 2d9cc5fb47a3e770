"""The runtime performs and records: it alone decides when I/O happens and alone appends."""
