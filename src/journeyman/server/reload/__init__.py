"""Hot reload: watches agent and tool files and loads them again."""
