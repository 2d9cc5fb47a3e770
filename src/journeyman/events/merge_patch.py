"""JSON Merge Patch (RFC 7396): how a context is changed."""

from __future__ import annotations

from collections.abc import Mapping

from journeyman.events.messages import JSON


def merge_patch(target: Mapping[str, JSON], patch: Mapping[str, JSON]) -> dict[str, JSON]:
    """The target with the patch applied: null removes a key, an object is merged, anything else replaces.

    Neither argument is changed; parts that the patch does not touch are shared with the target.
    """
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            below = merged.get(key)
            merged[key] = merge_patch(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged
