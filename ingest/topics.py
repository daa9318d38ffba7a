"""Topic patterns: how a topic names a building, a meter or a station."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from metering.site.sources import Source


class Match(NamedTuple):
    """The source of a topic and the ids in it."""

    source: Source
    building: str | None
    meter: str | None
    station: str | None


# A site has one topic per meter; these bounds limit a hostile publisher to 30 MB.
_MOST_REMEMBERED = 100_000
_LONGEST_REMEMBERED = 200


class Topics:
    """The site's sources; the first that matches a topic wins. Matches are remembered."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = [(source, _pattern(source.topic)) for source in sources]
        self._remembered: dict[str, Match | None] = {}

    def match(self, topic: str) -> Match | None:
        """The source of `topic` and the ids in it, or None if no source matches."""
        if topic in self._remembered:
            return self._remembered[topic]
        match: Match | None = None
        for source, pattern in self._sources:
            ids = pattern.fullmatch(topic)
            if ids is not None:
                named = ids.groupdict()
                match = Match(source, named.get("building"), named.get("meter"), named.get("station"))
                break
        if len(self._remembered) < _MOST_REMEMBERED and len(topic) <= _LONGEST_REMEMBERED:
            self._remembered[topic] = match
        return match


def _pattern(topic: str) -> re.Pattern[str]:
    levels = []
    for level in topic.split("/"):
        if level == "+":
            levels.append("[^/]+")
        elif level.startswith("{"):
            levels.append(f"(?P<{level[1:-1]}>[^/]+)")
        else:
            levels.append(re.escape(level))
    return re.compile("/".join(levels))


def filters(sources: Iterable[Source]) -> list[str]:
    """The MQTT topic filters to subscribe to, in the order of the sources, each once."""
    unique: dict[str, None] = {}
    for source in sources:
        unique["/".join("+" if level.startswith("{") else level for level in source.topic.split("/"))] = None
    return list(unique)
