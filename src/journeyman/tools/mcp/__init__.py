"""The client of MCP servers, whose tools become tools of agents under the names `server__tool`."""
