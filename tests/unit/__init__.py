"""Unit tests: one file for each module of `src/journeyman`, at the same place. Everything runs in memory."""
