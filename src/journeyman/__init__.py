"""Journeyman: a self-hosted agent server."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from journeyman.agent_files.node_types import register_node_type
    from journeyman.agents.agent import BaseAgent
    from journeyman.events.events import Event
    from journeyman.events.state import AgentState
    from journeyman.runtime.engine.node_context import NodeContext
    from journeyman.server import AgentFactory, create_app
    from journeyman.settings import Settings
    from journeyman.tools.registry import ToolRegistry
    from journeyman.tools.tool import BaseTool, BlockingToolContext, Sensitive, ToolContext, ToolRetry, resource, tool
    from journeyman.tools.tool_file import ToolFile

_MODULES = {
    "AgentFactory": "server",
    "AgentState": "events.state",
    "BaseAgent": "agents.agent",
    "BaseTool": "tools.tool",
    "BlockingToolContext": "tools.tool",
    "Event": "events.events",
    "NodeContext": "runtime.engine.node_context",
    "Sensitive": "tools.tool",
    "Settings": "settings",
    "ToolContext": "tools.tool",
    "ToolFile": "tools.tool_file",
    "ToolRegistry": "tools.registry",
    "ToolRetry": "tools.tool",
    "create_app": "server",
    "register_node_type": "agent_files.node_types",
    "resource": "tools.tool",
    "tool": "tools.tool",
}

__all__ = [
    "AgentFactory",
    "AgentState",
    "BaseAgent",
    "BaseTool",
    "BlockingToolContext",
    "Event",
    "NodeContext",
    "Sensitive",
    "Settings",
    "ToolContext",
    "ToolFile",
    "ToolRegistry",
    "ToolRetry",
    "__version__",
    "create_app",
    "register_node_type",
    "resource",
    "tool",
]


def __getattr__(name: str) -> object:
    """Import a public name at its first use, so that a worker process that runs one tool loads no web server.

    Raises:
        AttributeError: The package has no such name.
    """
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'journeyman' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - loaded with the first public name

    return getattr(import_module(f"journeyman.{module}"), name)
