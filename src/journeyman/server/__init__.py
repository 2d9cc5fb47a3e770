"""The composition root: the one place that builds and knows every part."""

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
    """Each part loads when it is first used: `serve` looks for tools before the web framework is loaded."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'journeyman.server' has no attribute {name!r}")
    return getattr(import_module(f"journeyman.server.{home}"), name)
