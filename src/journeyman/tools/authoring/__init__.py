"""What tool authors use: declarations, contexts, resources and HTTP."""
