"""The composition root: the one place that builds and knows every part."""

from journeyman.server.application import Application, build
from journeyman.server.asgi import create_app
from journeyman.server.embedding import AgentFactory
from journeyman.server.serving import serve

__all__ = ["AgentFactory", "Application", "build", "create_app", "serve"]
