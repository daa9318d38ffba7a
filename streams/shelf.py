"""Parts of state in memory, over whatever keeps them: both runners' shelf."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from itertools import islice
from operator import or_
from typing import Any, Final

import msgspec

from metering.parts import Changed, PartName, Parts, State
from streams.contract import Kept
from streams.step import AnyStep, EventT, Key, KeyT, Step

MOST_DECODED: Final = 24_000
"""Parts kept decoded (about 3 kB each)."""

_MISSING: Final = object()


def stored(step: str, key: Key) -> str:
    """The text that the state of a step's key is stored under, such as `ledger/b01/heat/energy`."""
    return f"{step}/{key if isinstance(key, str) else '/'.join(key)}"


class _Parts(Mapping[PartName, State]):
    """A lazy view of one key's parts through the runner's cache."""

    __slots__ = ("_decoded", "_key", "_shelf", "_step")

    def __init__(
        self, shelf: Cache, decoded: OrderedDict[tuple[str, PartName], Any], step: str, key: str
    ) -> None:
        self._shelf, self._decoded, self._step, self._key = shelf, decoded, step, key

    def __getitem__(self, name: PartName) -> State:
        part: State | None = self.get(name)
        if part is None:
            raise KeyError(name)
        return part

    def get(self, name: PartName, default: Any = None) -> Any:
        at = (self._key, name)
        part = self._decoded.get(at, _MISSING)
        if part is _MISSING:
            part = self._shelf.decode(self._step, at)
        else:
            self._decoded.move_to_end(at)
        return default if part is None else part

    def __iter__(self) -> Iterator[PartName]:
        raise TypeError("parts are looked up by name, never walked")

    def __len__(self) -> int:
        raise TypeError("parts are looked up by name, never counted")


class Cache:
    """Parts in memory: the changed ones until the commit, and the last recently used ones as they fit.

    A decoded part is five times as large as its bytes, and decoding costs a few microseconds: the parts at work
    are kept decoded, many more as bytes (100,000 registers fit, with all that an hourly meter touches in days).
    """

    def __init__(
        self, kept: Kept, steps: Iterable[AnyStep], most: int, most_decoded: int = MOST_DECODED
    ) -> None:
        """
        Args:
            kept: Where parts come from that are not here.
            steps: The steps whose parts these are.
            most: Parts kept as bytes between batches.
            most_decoded: Parts kept decoded between batches.
        """
        self._kept = kept
        self._most = most
        self._most_decoded = min(most, most_decoded)
        self._parts: OrderedDict[tuple[str, PartName], Any] = OrderedDict()
        self._bytes: dict[tuple[str, PartName], bytes | None] = {}
        self._changed: dict[tuple[str, PartName], Any] = {}
        self._last: tuple[AnyStep | None, Key, str] = (None, "", "")
        """The step and key asked for last, and the text that they are stored under."""
        self._decoders = {step.name: msgspec.msgpack.Decoder(reduce(or_, step.states)) for step in steps}

    def fit(self, most: int, most_decoded: int = MOST_DECODED) -> None:
        """Change how many parts are kept: the site has grown or shrunk."""
        self._most, self._most_decoded = most, min(most, most_decoded)

    def parts(self, step: Step[KeyT, State, EventT], key: KeyT) -> Parts[State]:
        """A lazy view of the parts of `key`."""
        text = stored(step.name, key)
        self._last = (step, key, text)
        return _Parts(self, self._parts, step.name, text)

    def decode(self, step: str, at: tuple[str, PartName]) -> Any:
        """Decode a part that is not at hand decoded; None if there is none.

        Args:
            step: Name of the step.
            at: The text that its key is stored under, and the name of the part.
        """
        if at in self._bytes:
            raw = self._bytes[at]
        else:
            raw = self._kept.part(*at)
            if raw is not None:
                self._bytes[at] = raw
        part = None if raw is None else self._decoders[step].decode(raw)
        self._parts[at] = part
        return part

    def put(self, step: Step[KeyT, State, EventT], key: KeyT, changed: Changed[State]) -> None:
        """Replace or delete parts, until the commit in memory only."""
        last, last_key, text = self._last
        if last is not step or last_key is not key:
            text = stored(step.name, key)
        for name, part in changed.items():
            at = (text, name)
            self._parts[at] = self._changed[at] = part

    def take_changed(self) -> dict[tuple[str, PartName], bytes | None]:
        """The changed parts, encoded."""
        encode = msgspec.msgpack.Encoder().encode
        encoded = {at: None if part is None else encode(part) for at, part in self._changed.items()}
        for at, raw in encoded.items():
            # To the end: what is let go of first is what was not touched for longest.
            self._bytes.pop(at, None)
            self._bytes[at] = raw
        return encoded

    def forget(self) -> None:
        """Drop everything: what is kept may have changed under us (a rebalance), or a batch failed."""
        self._parts.clear()
        self._bytes.clear()
        self._changed.clear()

    def committed(self) -> None:
        """The changed parts are kept now; let go of what does not fit."""
        self._changed.clear()
        while len(self._parts) > self._most_decoded:
            self._parts.popitem(last=False)
        for at in list(islice(self._bytes, max(0, len(self._bytes) - self._most))):
            del self._bytes[at]
