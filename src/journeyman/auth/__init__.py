"""Authentication: API keys, JSON Web Tokens, callers and scopes. It knows no web framework."""
