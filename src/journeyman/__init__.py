"""Journeyman: a self-hosted agent server."""
