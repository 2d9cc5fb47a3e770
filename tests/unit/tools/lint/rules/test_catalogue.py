"""The rules, one by one."""

from __future__ import annotations

import re

from journeyman.tools.lint.rules.catalogue import RULES


def test_each_rule_has_a_number_a_severity_and_a_remedy() -> None:
    assert all(re.fullmatch(r"JM[1-7]\d\d", rule.id) and rule.remedy for rule in RULES.values())
    assert {rule.severity for rule in RULES.values()} == {"error", "warning"}
    assert list(RULES) == sorted(RULES)


def test_a_remedy_is_the_end_of_a_sentence() -> None:
    assert not [rule.id for rule in RULES.values() if rule.remedy[0].isupper() or rule.remedy.endswith(".")]
