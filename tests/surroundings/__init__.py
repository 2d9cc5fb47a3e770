"""Runs whose neighbours are away: agent files, tools, code of nodes, gateways."""
