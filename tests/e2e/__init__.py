"""Installations, containers and real tools around a server."""
