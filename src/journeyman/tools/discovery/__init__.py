"""Discovery: finds the tools of a folder in a child process."""
