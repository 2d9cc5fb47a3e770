"""What authors of tools use: contexts, resources and HTTP."""
