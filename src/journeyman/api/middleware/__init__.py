"""ASGI middleware: the layers around every route, from host checks to authentication."""
