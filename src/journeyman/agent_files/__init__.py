"""Agent files: reads agent.yaml and the files beside it, checks them and builds agents. All file I/O about agents."""
