"""The client of MCP servers: their tools become tools of agents, named `server__tool`."""
