"""The faces: HTTP, SSE and WebSocket."""
