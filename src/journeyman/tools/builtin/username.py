"""`get_username`: who is asking."""

from __future__ import annotations

import getpass

from journeyman.tools.tool import BaseTool, ToolContext


class GetUsername(BaseTool):
    """The principal's name; where nobody signs in, the name of the system's user."""

    name = "get_username"
    description = "Get the name of the user who is asking."
    effects = "none"

    async def run(self, ctx: ToolContext) -> str:
        if ctx.principal != "local":
            return ctx.principal
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a container's user without an entry in passwd
            return ctx.principal
