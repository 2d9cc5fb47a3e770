"""The HTTP API: routes, server-sent events and WebSockets."""
