"""JSON Merge Patch (RFC 7396)."""

from __future__ import annotations

from journeyman.events.messages import JSON


def merge_patch(target: JSON, patch: JSON) -> JSON:
    """`target` changed by `patch`, as a new value: null removes, objects merge, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
