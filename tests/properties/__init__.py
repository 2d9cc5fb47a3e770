"""Random histories of runs, with invariants that hold for each."""
