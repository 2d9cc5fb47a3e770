"""Outbound HTTP: the only package through which requests leave the process."""
