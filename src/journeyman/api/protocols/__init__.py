"""Protocols that other software speaks, each a thin translation of the use cases. None knows another."""
