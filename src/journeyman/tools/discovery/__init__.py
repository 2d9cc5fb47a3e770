"""Discovery: the tools of a folder, found by importing its files in a child process."""
