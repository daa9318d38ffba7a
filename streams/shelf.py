"""Parts of state in memory, over whatever keeps them: both runners' shelf."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from streams.step import Changed, Parts, Step


class Kept(Protocol):
    """Where parts are kept between batches."""

    def part(self, key: str, part: str) -> bytes | None:
        """One part of state, as it was committed."""
        ...


class _Parts(Mapping[str, Any]):
    """A lazy view of one key's parts through the runner's cache."""

    __slots__ = ("_key", "_shelf", "_step")

    def __init__(self, shelf: Cache, step: Step, key: str) -> None:
        self._shelf, self._step, self._key = shelf, step, key

    def __getitem__(self, name: str) -> Any:
        found = self._shelf.look_up(self._step, self._key, name)
        if found is None:
            raise KeyError(name)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        found = self._shelf.look_up(self._step, self._key, name)
        return default if found is None else found

    def __iter__(self) -> Iterator[str]:
        raise TypeError("parts are looked up by name, never walked")

    def __len__(self) -> int:
        raise TypeError("parts are looked up by name, never counted")


class Cache:
    """Parts in memory: the changed ones until the commit, and the last recently used ones as they fit."""

    def __init__(self, kept: Kept, steps: Iterable[Step], most: int) -> None:
        self._kept = kept
        self._most = most
        self._parts: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._changed: dict[tuple[str, str], Any] = {}
        self._decoders = {step.name: msgspec.msgpack.Decoder(step.part) for step in steps}

    def parts(self, step: Step, key: str) -> Parts:
        return _Parts(self, step, f"{step.name}/{key}")

    def look_up(self, step: Step, key: str, name: str) -> Any:
        at = (key, name)
        if at in self._parts:
            self._parts.move_to_end(at)
            return self._parts[at]
        raw = self._kept.part(key, name)
        found = None if raw is None else self._decoders[step.name].decode(raw)
        self._parts[at] = found
        return found

    def put(self, step: Step, key: str, changed: Changed) -> None:
        key = f"{step.name}/{key}"
        for name, part in changed.items():
            at = (key, name)
            self._parts[at] = self._changed[at] = part

    def take_changed(self) -> dict[tuple[str, str], bytes | None]:
        """The changed parts, encoded."""
        encode = msgspec.msgpack.Encoder().encode
        return {at: None if part is None else encode(part) for at, part in self._changed.items()}

    def forget(self) -> None:
        """Drop everything: what is kept may have changed under us (a rebalance), or a batch failed."""
        self._parts.clear()
        self._changed.clear()

    def committed(self) -> None:
        """The changed parts are kept now; let go of what does not fit."""
        self._changed.clear()
        while len(self._parts) > self._most:
            self._parts.popitem(last=False)
