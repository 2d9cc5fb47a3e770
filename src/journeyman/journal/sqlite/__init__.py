"""The journal on one SQLite file: a writer thread with group commit, and reading connections."""
