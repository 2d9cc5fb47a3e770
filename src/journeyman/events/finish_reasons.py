"""The finish reasons that replies are stored with: why a model stopped."""

from __future__ import annotations

STOP = "stop"
TOOL_CALLS = "tool_calls"
LENGTH = "length"  # cut off at a limit of tokens
CONTENT_FILTER = "content_filter"
UNKNOWN = "unknown"  # no reason was given, or one that is not known
EMPTY = "empty"  # it ended well and has neither text nor calls
