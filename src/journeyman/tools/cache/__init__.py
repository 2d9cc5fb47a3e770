"""The tool cache: which results are kept, for whom and where."""
