"""The pages that come with the server: nothing of them is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute


def pages() -> Sequence[BaseRoute]:
    """The start page and the docs."""
    return ()
