"""The operations of the OpenAI protocol are those of its routes."""

from __future__ import annotations

from journeyman.api.app import OPENAI_ROUTES
from journeyman.api.protocols.openai_operations import MODELS, OPERATIONS


def test_each_route_is_described() -> None:
    described = {(method.upper(), path) for path, methods in OPERATIONS.items() for method in methods}
    assert described == {(method, path) for method, path, _, _ in OPENAI_ROUTES}
    assert len({model.__name__ for model in MODELS}) == len(MODELS)
