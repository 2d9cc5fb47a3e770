"""The composition root: the one place that builds and knows every part."""

from __future__ import annotations
