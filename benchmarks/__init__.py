"""Measuring Journeyman from the outside: processes, sockets, /proc. Nothing here imports the server."""
