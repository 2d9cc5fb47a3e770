"""Servers that are killed or lose power, and what holds afterwards."""
