"""Serving: the ASGI application behind uvicorn."""
