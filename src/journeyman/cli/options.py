"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[
    str | None, typer.Option("--url", help="Ask the server at this address, such as http://127.0.0.1:8000.")
]
AgentPath = Annotated[
    Path | None, typer.Argument(metavar="PATH", help="Agent file, or folder of them. [AGENT_PATH, else agent.yaml]")
]
Offline = Annotated[bool, typer.Option("--offline", help="Let the built-in offline model answer.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")]
Principal = Annotated[str, typer.Option("--principal", help="Whose, in the journal's file; a server goes by the key.")]
