from __future__ import annotations

import re

import pytest

from journeyman.llm.offline.known_names import known_names, spoken


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ({"description": "Berlin, Lisbon, Oslo or Rome."}, ("Berlin", "Lisbon", "Oslo", "Rome")),
        ({"description": "The city, such as New York or Rome."}, ("New York", "Rome")),
        ({"description": "IANA name of a time zone, such as Europe/Berlin."}, ("Europe/Berlin",)),
        ({"description": "One of `fast`, \"slow\" and 'next day'."}, ("fast", "slow", "next day")),
        ({"description": "The customer's name. Never guess it."}, ()),
        ({"description": None}, ()),
        ({"enum": ["small", 3, None], "description": "Rome or Oslo"}, ("small", "3")),
        ({"examples": ["ham"]}, ("ham",)),
        ({}, ()),
    ],
)
def test_choices_examples_and_described_names_are_known(schema, names):
    assert known_names(schema) == names


def test_a_description_of_others_takes_the_names_of_its_siblings():
    siblings = [{"description": "Oslo or Rome."}, {"description": "Rome or Paris."}]
    assert known_names({"description": "Another of them."}, siblings) == ("Oslo", "Rome", "Paris")
    assert known_names({"description": "A note."}, siblings) == ()


@pytest.mark.parametrize("said", ["next_day", "next day", "Next-Day", "on next day, please"])
def test_a_name_is_found_as_it_is_spoken(said):
    assert re.search(spoken("next_day"), said, re.IGNORECASE)


def test_a_name_is_a_word_of_its_own():
    assert not re.search(spoken("ham"), "hamburger", re.IGNORECASE)
    assert not re.search(spoken("_"), "anything")
