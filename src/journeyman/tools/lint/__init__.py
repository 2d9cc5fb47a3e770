"""Static checks of tool code: it is read and not run."""
