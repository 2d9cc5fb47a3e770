"""The start page, the API documentation, and their static files."""
