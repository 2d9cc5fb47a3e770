"""JSON Merge Patch (RFC 7396), by which contexts are changed."""

from __future__ import annotations

from collections.abc import Mapping

from journeyman.events.messages import JSON


def merge_patch(target: Mapping[str, JSON], patch: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the target with the patch applied: null removes a key, an object is merged, other values replace.

    Neither argument is changed. The result shares the parts that the patch does not touch with the target.
    """
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            old = merged.get(key)
            merged[key] = merge_patch(old if isinstance(old, dict) else {}, value)
        else:
            merged[key] = value
    return merged
