"""The tools of this agent: every function with @tool in this folder. Files whose names begin with _ are not read."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

from journeyman import tool

CITIES = {"berlin": (52.52, 13.40), "lisbon": (38.72, -9.14), "oslo": (59.91, 10.75), "rome": (41.90, 12.50)}


@tool(effects="none")
async def distance(origin: str, destination: str) -> str:
    """Distance between two cities as the crow flies.

    Args:
        origin: Berlin, Lisbon, Oslo or Rome.
        destination: Berlin, Lisbon, Oslo or Rome.
    """
    for city in (origin, destination):
        if city.lower() not in CITIES:
            raise ValueError(f"no such city: {city}; known: {', '.join(sorted(CITIES))}")
    (lat1, lon1), (lat2, lon2) = (CITIES[city.lower()] for city in (origin, destination))
    a = sin(radians(lat2 - lat1) / 2) ** 2
    b = cos(radians(lat1)) * cos(radians(lat2)) * sin(radians(lon2 - lon1) / 2) ** 2
    return f"{origin} to {destination}: {2 * 6371 * asin(sqrt(a + b)):.0f} km"
