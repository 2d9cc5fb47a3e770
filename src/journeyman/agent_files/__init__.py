"""agent_files."""
