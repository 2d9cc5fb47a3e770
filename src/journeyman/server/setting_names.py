"""Finds variables that were probably meant as settings: nearly their names, or empty where `.env` has a value. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from journeyman.environment import Environment
from journeyman.errors import Problem
from journeyman.settings import ACCESS_PREFIXES

MOST = 2  # the distance of a near miss
_SHORT = 6  # of names with fewer letters, only those at distance 1 are near
_COMMON = frozenset(("PORTS", *(f"PORT{number}" for number in range(10))))
"""Near names that other programs set, such as Marathon. None of bash, systemd, hosted CI and Kubernetes is near."""


def setting_problems(environment: Environment, settings: Iterable[str], used: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for each variable that is nearly named like a setting, or that hides one of `.env`.

    `used` are the names that agents and tools refer to, which are no slips. A name at distance 1 of a setting that says
    who may call is an error, since the server would be open; all others are warnings.
    """
    names = sorted(name.upper() for name in settings)
    for name in sorted(environment):
        if environment[name] and name not in used:
            yield from _near_miss(name, names, environment)
    for name in environment.hidden:
        message = f"{name} is empty in the environment, which hides its value in .env: it counts as unset"
        yield Problem(message, remedy="unset the variable to have the value of .env", severity="warning")


def _near_miss(name: str, settings: list[str], environment: Environment) -> Iterator[Problem]:
    given = name.upper()
    if given in settings or given in _COMMON:
        return
    comparable = (setting for setting in settings if abs(len(given) - len(setting)) <= MOST)
    near = min(((edit_distance(given, setting), setting) for setting in comparable), default=None)
    if near is None or near[0] > (1 if len(near[1]) < _SHORT else MOST):
        return
    stops = near[0] == 1 and near[1].startswith(ACCESS_PREFIXES)
    place = "environment" if environment.is_of_process(name) else ".env"
    reason = ", and a setting that says who may call must not be lost" if stops else ""
    message = f"{name} is no setting of Journeyman{reason}"
    yield Problem(message, place, remedy=f"did you mean {near[1]}?", severity="error" if stops else "warning")


def edit_distance(one: str, other: str) -> int:
    """Return how many letters to add, leave out, replace, or swap with the next one, to turn one into the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]
