"""Journeyman: a self-hosted agent server."""

from journeyman.tools.tool import BaseTool, Sensitive, ToolContext, resource, tool

__version__ = "0.1.0"

__all__ = ["BaseTool", "Sensitive", "ToolContext", "__version__", "resource", "tool"]
