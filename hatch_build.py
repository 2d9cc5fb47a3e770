"""The build hook of the wheel and the sdist: it builds the page if it is not there."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageBuildHook(BuildHookInterface[Any]):
    """Builds ui/ into the package. Does nothing for an editable install, where the page is there already (an sdist has
    it), or with JOURNEYMAN_SKIP_PAGE=1."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page before the package's files are collected."""
        root = Path(self.root)
        built = root / "src/journeyman/web/static/index.html"
        if version == "editable" or built.exists() or os.environ.get("JOURNEYMAN_SKIP_PAGE") == "1":
            return
        if not (root / "ui/build.py").exists():
            raise RuntimeError(
                "The sources of the page (ui/) are missing. Set JOURNEYMAN_SKIP_PAGE=1 to build without the page."
            )
        spec = importlib.util.spec_from_file_location("page_build", root / "ui/build.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.build()
