"""Agent files: agent.yaml and the files beside it, read, checked and compiled to agents. All file I/O about agents."""
