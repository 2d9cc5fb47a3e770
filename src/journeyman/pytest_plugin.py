"""The pytest plugin: the `agent` fixture. Light to import, since pytest loads it in every run."""

from __future__ import annotations
