"""The rules of the static check, by subject."""
