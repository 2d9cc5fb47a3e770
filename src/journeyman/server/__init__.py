"""The composition root: it builds and knows every part of a process."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeyman.server.application import Application
    from journeyman.server.composition import build
    from journeyman.server.embedding import AgentFactory
    from journeyman.server.serving.app import create_app
    from journeyman.server.serving.serve import serve

_HOMES = {
    "AgentFactory": "embedding",
    "Application": "application",
    "build": "composition",
    "create_app": "serving.app",
    "serve": "serving.serve",
}

__all__ = ["AgentFactory", "Application", "build", "create_app", "serve"]


def __getattr__(name: str) -> object:
    """Load a part when it is first used: `serve` starts discovery before the web framework is loaded."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'journeyman.server' has no attribute {name!r}")
    return getattr(import_module(f"journeyman.server.{home}"), name)
