"""Old import path of the live frames, which the docs of 0.1 named. They are in `journeyman.runtime.engine.frames`."""

from __future__ import annotations

import warnings

from journeyman.runtime.engine import frames

_MOVED = ("Delta", "Progress", "Reconnect", "Snapshot")


def __getattr__(name: str) -> object:
    """Return a frame type under its old path, with a DeprecationWarning."""
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    message = f"{__name__}.{name} has moved: import it from {frames.__name__}"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return getattr(frames, name)
