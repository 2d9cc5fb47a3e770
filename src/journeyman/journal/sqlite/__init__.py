"""The SQLite journal: one file, one writer thread, readers beside it."""
