"""JSON Merge Patch (RFC 7396), by which contexts are changed."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

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


def patch_between(now: Mapping[str, JSON], then: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the patch that makes `then` of `now`. Neither may hold null in an object, as no merged context does."""
    patch: dict[str, JSON] = {key: None for key in now if key not in then}
    for key, value in then.items():
        old = now.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := patch_between(old, value):
                patch[key] = inner
        elif key not in now or msgspec.json.encode(old) != msgspec.json.encode(value):  # in Python, true equals 1
            patch[key] = value
    return patch
