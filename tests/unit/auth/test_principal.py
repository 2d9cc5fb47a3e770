from __future__ import annotations

import pytest

from journeyman.auth.principal import SCOPES, Caller
from journeyman.errors import (
    ForbiddenError,
    ValidationError,
)


def test_admin_includes_every_scope_and_others_include_none() -> None:
    admin = Caller(principal="a", scopes=frozenset({"admin"}))
    for scope in SCOPES:
        admin.check(scope)
        alone = Caller(principal="a", scopes=frozenset({scope}))
        if scope not in ("admin", "approve:any"):
            assert [other for other in SCOPES if alone.may(other)] == [scope]
    with pytest.raises(ForbiddenError, match="`run`"):
        Caller(principal="a", scopes=frozenset({"approve:any"})).check("run")


def test_approve_any_includes_approve_and_nothing_else() -> None:
    desk = Caller(principal="desk", scopes=frozenset({"approve:any"}))
    assert [scope for scope in SCOPES if desk.may(scope)] == ["approve", "approve:any"]


def test_delegation_needs_its_scope_and_makes_a_principal_that_no_key_has() -> None:
    service = Caller(principal="key:shop", scopes=frozenset({"run", "delegate"}), key_id="k")
    other = service.on_behalf_of("ann")
    assert (other.principal, other.scopes, other.key_id) == ("key:shop/ann", service.scopes, "k")
    for name in ("", "a/b", "a b", "x" * 129, "a\n"):
        with pytest.raises(ValidationError):
            service.on_behalf_of(name)
    with pytest.raises(ForbiddenError, match="`delegate`"):
        Caller(principal="key:shop", scopes=frozenset({"run"})).on_behalf_of("ann")
