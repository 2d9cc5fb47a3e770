"""Measuring Journeyman from the outside: processes, sockets, /proc. Nothing but `blind` imports the server."""
