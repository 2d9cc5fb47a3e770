"""Runs the command line: `python -m journeyman`."""

from __future__ import annotations

import sys

from journeyman.cli import main

sys.exit(main())
