"""An MCP server in memory that goes away, comes back and changes its tools when a test says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from journeyman.events.messages import JSON
from journeyman.tools.failures import TransientToolError
from journeyman.tools.registry import RegisteredTool
from journeyman.tools.schema.arguments import SchemaCheck
from journeyman.tools.spec import ApprovalPolicy, CallHost, CallRequest, ToolPolicy, ToolSpec

ASKS = ApprovalPolicy(when="always")


@dataclass
class FickleServer:
    """The server `shop`. `listed` are the hashes of its tools as it lists them now, by their names in the registry."""

    here: bool = True
    listed: dict[str, str] = field(default_factory=lambda: {"shop__pay": "v1"})
    calls: list[str] = field(default_factory=list)  # the tools whose calls reached it

    def tool(self, name: str = "shop__pay", **policy: object) -> RegisteredTool:
        """Return a tool of the server as it was listed first; a human is asked before each call."""
        spec = ToolSpec(
            name=name,
            description="",
            parameters={"type": "object"},
            code_hash="v1",
            policy=ToolPolicy(**({"approval": ASKS} | policy)),  # type: ignore[arg-type]
        )
        return RegisteredTool(spec=spec, check=SchemaCheck(spec.parameters), invoker=self, server=self)

    def is_here(self, tool: str) -> bool | None:
        """Return whether the server is connected. None: the tool is not one of its tools."""
        return self.here if tool.startswith("shop__") else None

    async def live_hash(self, tool: str) -> str | None:
        self._refuse_if_away()
        return self.listed.get(tool)

    async def invoke(self, request: CallRequest, host: CallHost) -> JSON:
        self._refuse_if_away()
        self.calls.append(request.spec.name)
        return "paid"

    def _refuse_if_away(self) -> None:
        if not self.here:
            raise TransientToolError("the MCP server shop is not available now", code="tool_unavailable")
