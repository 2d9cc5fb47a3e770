"""The gateway client: chat completions over HTTP to any OpenAI-compatible server."""
