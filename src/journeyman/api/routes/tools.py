"""Routes of the registered tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fastapi import APIRouter
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies, ListedTool
from journeyman.api.openapi import lists, response_schema
from journeyman.api.paging import page_by_name
from journeyman.api.parameters import Cursor, NamePath, PageSize
from journeyman.api.responses import json_response
from journeyman.api.schemas.agents import CacheCleared, CheckAnswer, PermissionsAnswer, ToolAnswer
from journeyman.errors import ToolNotFoundError
from journeyman.events.messages import JSON
from journeyman.tools.lint.checks import LintFinding
from journeyman.tools.spec import ToolSpec

Metrics = Mapping[str, Mapping[str, JSON]]


def tool_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes of /tools."""
    router = APIRouter(tags=["tools"])
    registry = dependencies.tool_registry

    @router.get("/tools", operation_id="list_tools", summary="The tools", responses=lists(ToolAnswer))
    async def list_tools(cursor: Cursor = None, limit: PageSize = 50) -> Response:
        metrics = registry.get_metrics()

        def answer(tool: ListedTool) -> ToolAnswer:
            return tool_answer(tool.spec, metrics, dependencies.sandbox, tool.findings)

        return page_by_name("tools", registry.tools, cursor, limit, answer)

    @router.get("/tools/{name}", operation_id="get_tool", summary="One tool", responses=response_schema(ToolAnswer))
    async def get_tool(name: NamePath) -> Response:
        tool = registry.tools.get(name)
        if tool is None:
            raise ToolNotFoundError(f"There is no tool {name!r}. GET /tools lists them.")
        return json_response(tool_answer(tool.spec, registry.get_metrics(), dependencies.sandbox, tool.findings))

    @router.delete(
        "/tools/{name}/cache",
        operation_id="clear_tool_cache",
        summary="Forget a tool's kept answers",
        responses=response_schema(CacheCleared),
    )
    async def clear_cache(name: NamePath) -> Response:
        if name not in registry.tools:
            raise ToolNotFoundError(f"There is no tool {name!r}. GET /tools lists them.")
        return json_response(CacheCleared(cleared=await dependencies.clear_cache(name)))

    return router


def tool_answer(
    spec: ToolSpec,
    metrics: Metrics,
    sandbox: Callable[[ToolSpec], Mapping[str, JSON]],
    findings: Sequence[LintFinding] = (),
) -> ToolAnswer:
    """Describe a tool: its schema and policy, its metrics, its sandbox, and what the static check found."""
    policy = spec.policy
    return ToolAnswer(
        name=spec.name,
        description=spec.description,
        parameters=spec.parameters,
        effects=policy.effects,
        declared=policy.declared,
        on_unknown=policy.on_unknown,
        approval=policy.approval.when,
        timeout_seconds=policy.timeout_seconds,
        retries=policy.retries,
        isolation=policy.isolation,
        permissions=PermissionsAnswer(
            network=policy.permissions.network, files=policy.permissions.files, env=policy.permissions.env
        ),
        cache_ttl=policy.cache_ttl,
        cache_scope=policy.cache_scope,
        checks=tuple(map(_check_answer, findings)),
        source=spec.source,
        code_hash=spec.code_hash,
        metrics=dict(metrics.get(spec.name, {})),
        sandbox=dict(sandbox(spec)),
    )


def _check_answer(finding: LintFinding) -> CheckAnswer:
    return CheckAnswer(
        rule=finding.rule,
        severity=finding.severity,
        message=finding.message,
        remedy=finding.remedy,
        line=finding.line,
        allowed=finding.allowed,
    )
