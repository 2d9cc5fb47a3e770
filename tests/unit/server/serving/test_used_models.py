from __future__ import annotations

from journeyman.agents.spec import AgentSpec, GraphSpec, ModelSettings, NodeSpec
from journeyman.server.serving.used_models import used_models

URLS = {"": "http://127.0.0.1:4000/v1", "azure": "https://ann:password@azure.example/o?api_key=in-the-query"}


def agent(model: ModelSettings, **changes: object) -> AgentSpec:
    return AgentSpec(type="react_agent", name="support", model=model, **changes)  # type: ignore[arg-type]


def test_each_model_is_named_with_its_gateway() -> None:
    one = agent(ModelSettings(name="gpt-5"))
    two = agent(ModelSettings(name="deploy", gateway="azure", fallbacks=("gpt-5",), fallback_gateways=("",)))
    assert used_models([one, two], URLS.get) == ("gpt-5 at http://127.0.0.1:4000/v1, deploy at https://azure.example/o")


def test_models_without_a_gateway_and_many_models() -> None:
    assert used_models([agent(ModelSettings(name="offline"))], URLS.get) == "offline"
    assert used_models([agent(ModelSettings(name="m"))], lambda _: None) == "m"
    assert used_models([], URLS.get) == ""
    nodes = tuple(NodeSpec(name=f"n{n}", type="llm", model=ModelSettings(name=f"script:{n}")) for n in range(4))
    graph = GraphSpec(start="n0", nodes=nodes)
    words = used_models([agent(ModelSettings(name="offline"), graph=graph)], URLS.get)
    assert words == "offline, script:0, script:1, 2 more"


def test_a_name_from_the_environment_is_shown_as_in_the_file() -> None:
    variables = {"MODEL": "a-name-of-the-environment"}
    assert used_models([agent(ModelSettings(name=variables["MODEL"]), variables=variables)], URLS.get) == (
        "${MODEL} at http://127.0.0.1:4000/v1"
    )
