from __future__ import annotations

import pytest

from journeyman.tools.openapi.credential import Credential
from journeyman.tools.openapi.tool import openapi_tool, operation_tool_name
from tests.harness.openapi_documents import ID, document, read


def test_names_fit_what_providers_take() -> None:
    assert operation_tool_name("crm", "users.get/all") == "crm__users_get_all"
    assert operation_tool_name("crm", "x" * 64) != operation_tool_name("crm", "x" * 65)
    assert len(operation_tool_name("crm", "x" * 300)) == 64


@pytest.mark.parametrize(
    ("method", "effects", "declared"),
    [("get", "none", True), ("head", "none", True), ("put", "idempotent", True), ("delete", "idempotent", True),
     ("post", "once", False), ("patch", "once", False)],
)  # fmt: skip
def test_effects_follow_from_the_method(method: str, effects: str, declared: bool) -> None:
    spec = openapi_tool("crm", read(document({}, "/a", method)), "https://h", (), "crm.yaml:1").spec
    assert (spec.policy.effects, spec.policy.declared, spec.policy.on_unknown) == (effects, declared, "tell")
    assert spec.description == f"{method.upper()} /a"


def test_descriptions_are_one_line_and_capped() -> None:
    reading = read(document({"summary": "Get\x00it", "description": "all\n" + "x" * 2000}, "/a"))
    assert reading.description.startswith("Get it: all x")
    assert len(reading.description) == 1000


def test_the_code_hash_of_a_tool_of_an_earlier_release_stays() -> None:
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    posted = read(document({"parameters": [ID], "requestBody": body}, method="post"))
    key = Credential(name="X-Key", value="v")
    assert openapi_tool("crm", posted, "https://h/v1", (), "crm.yaml:1").spec.code_hash == "c38fece5ce9df851"
    assert openapi_tool("crm", posted, "https://h/v1", (key,), "crm.yaml:1").spec.code_hash == "790deaaece9fa905"
    assert openapi_tool("crm", read(document({}, "/a")), "https://h", (), "x").spec.code_hash == "d3fdcd0b2edbfa83"
