"""Figures of InfluxDB, read with InfluxQL, which 1.x, 2.x (virtual DBRP) and 3.x all understand."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from metering.events import Alert, Day, Position, Savings, Unknown
from metering.times import EPOCH_ORDINAL
from storage import schema
from storage.points import seconds

_QUOTED: Final = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n"})


def bind(query: str, parameters: Mapping[str, str]) -> str:
    """The query with `$name` replaced by the quoted string.

    By hand, because InfluxDB 2.x documents no `params` for `/query` (1.x has them).
    """
    if not parameters:
        return query
    return re.sub(r"\$(\w+)", lambda name: f"'{parameters[name[1]].translate(_QUOTED)}'", query)


class InfluxFigures:
    """Reads what `InfluxSink` wrote: the `Figures` contract."""

    def __init__(self, *, url: str, database: str, token: str = "", timeout_s: float = 30.0) -> None:
        """
        Args:
            url: Base URL of the server.
            database: The database; on 2.x the bucket of the same name (virtual DBRP).
            token: API token, if the server requires one.
            timeout_s: Timeout of one query.
        """
        self._timeout_s = timeout_s
        self._url = url.rstrip("/") + "/query"
        self._database = database
        self._headers = {"Authorization": f"Token {token}"} if token else {}
        self._http = urllib3.PoolManager()

    def close(self) -> None:
        """Close the connections."""
        self._http.clear()

    def query(self, text: str, **parameters: str) -> list[dict[str, Any]]:
        """Rows of an InfluxQL query, tags and fields by name, `time` in seconds.

        Args:
            text: The query; `$name` stands for a parameter.
            parameters: Strings, quoted.

        Raises:
            OSError: the server cannot be reached or refuses the query.
        """
        fields = {"db": self._database, "q": bind(text, parameters), "epoch": "s"}
        try:
            answer = self._http.request_encode_url(
                "GET", self._url, fields=fields, headers=self._headers, timeout=self._timeout_s
            )
        except HTTPError as error:
            raise OSError(f"InfluxDB cannot be reached: {error}") from None
        try:
            body = msgspec.json.decode(answer.data)
        except msgspec.DecodeError:
            body = {"error": answer.data[:200].decode("utf-8", "replace")}
        if "results" not in body:
            words = body.get("error") or body.get("message") or body
            raise OSError(f"InfluxDB refuses the query: {answer.status} {words}: {text}")
        for result in body["results"]:
            if "error" in result:
                raise OSError(f"InfluxDB refuses the query: {result['error']}: {text}")
        rows: list[dict[str, Any]] = []
        for result in body["results"]:
            for series in result.get("series", ()):
                tags = series.get("tags", {})
                rows += [
                    {**tags, **dict(zip(series["columns"], values, strict=True))}
                    for values in series["values"]
                ]
        return rows

    def hours(
        self, building: str, meter: str, quantity: str, first: int, end: int
    ) -> list[tuple[int, int, int]]:
        """(hour, amount, flags) for the hours of `[first, end)` with known energy."""
        field = f"known_{schema.SUFFIX[quantity]}"
        rows = self.query(
            f"SELECT {field}, flags FROM {schema.HOUR} WHERE building = $b AND meter = $m AND quantity = $q "
            f"AND held = 1 AND time >= {first * 3600}s AND time < {end * 3600}s",
            b=building, m=meter, q=quantity,
        )  # fmt: skip
        return [(row["time"] // 3600, row[field], row["flags"]) for row in rows]

    def unknowns(self, building: str, meter: str, quantity: str) -> list[Unknown]:
        """Unknown blocks of a register, by start and end."""
        field = f"unknown_{schema.SUFFIX[quantity]}"
        rows = self.query(
            f"SELECT start_ms, end_ms, {field}, flags FROM {schema.UNKNOWN} "
            "WHERE building = $b AND meter = $m AND quantity = $q AND held = 1",
            b=building, m=meter, q=quantity,
        )  # fmt: skip
        blocks = [
            Unknown(start=row["start_ms"], end=row["end_ms"], amount=row[field], flags=row["flags"])
            for row in rows
        ]
        return sorted(blocks, key=lambda block: (block.start, block.end))

    def days(self, building: str, meter: str, quantity: str, first: int, last: int) -> list[Day]:
        """Days of a register with date in `[first, last]`."""
        s = schema.SUFFIX[quantity]
        rows = self.query(
            f"SELECT used_{s}, complete, known_{s}, unknown_{s}, estimated_{s}, coverage, flags FROM {schema.DAY} "
            f"WHERE building = $b AND meter = $m AND quantity = $q AND held = 1 "
            f"AND time >= {seconds(first)}s AND time <= {seconds(last)}s",
            b=building, m=meter, q=quantity,
        )  # fmt: skip
        return [
            Day(
                building=building,
                meter=meter,
                quantity=quantity,
                date=row["time"] // 86_400 + EPOCH_ORDINAL,
                used=row[f"used_{s}"] if row["complete"] else None,
                known=row[f"known_{s}"],
                unknown=row[f"unknown_{s}"],
                estimated=row[f"estimated_{s}"],
                coverage=row["coverage"],
                flags=row["flags"],
                received_at=0,
            )
            for row in rows
        ]

    def savings(self, contract: str, first: int, last: int) -> list[Savings]:
        """Days of a contract that have a figure, date in `[first, last]`."""
        rows = self.query(
            f"SELECT expected, used, estimated, temp_mc, has_temp, extrapolated, baseline_id, building, flags, "
            f"adjustment "
            f"FROM {schema.SAVINGS} WHERE contract = $c AND held = 1 "
            f"AND time >= {seconds(first)}s AND time <= {seconds(last)}s",
            c=contract,
        )
        return [
            Savings(
                building=row["building"],
                contract=contract,
                date=row["time"] // 86_400 + EPOCH_ORDINAL,
                expected=row["expected"],
                used=row["used"],
                estimated=row["estimated"],
                temp_mc=row["temp_mc"] if row["has_temp"] else None,
                extrapolated=bool(row["extrapolated"]),
                baseline_id=row["baseline_id"],
                received_at=0,
                flags=row["flags"] or 0,
                adjustment=row["adjustment"] or 0,
            )
            for row in rows
        ]

    def gauges(
        self, building: str, meter: str, quantity: str, first: int, end: int
    ) -> list[tuple[int, int, int, int, int, int]]:
        """(hour, mean, low, high, covered [ms], flags) for hours of `[first, end)` that readings cover."""
        s = schema.SUFFIX[quantity]
        rows = self.query(
            f"SELECT mean_{s}, low_{s}, high_{s}, covered_ms, flags FROM {schema.GAUGE} "
            f"WHERE building = $b AND meter = $m AND quantity = $q AND held = 1 "
            f"AND time >= {first * 3600}s AND time < {end * 3600}s",
            b=building, m=meter, q=quantity,
        )  # fmt: skip
        names = (f"mean_{s}", f"low_{s}", f"high_{s}", "covered_ms", "flags")
        return [(row["time"] // 3600, *(row[name] for name in names)) for row in rows]

    def position(self, contract: str) -> Position | None:
        """Where the contract stands, or None before its first reporting day."""
        rows = self.query(f"SELECT * FROM {schema.STANDING} WHERE contract = $c", c=contract)
        if not rows:
            return None
        row = max(rows, key=lambda each: each["received_ms"])
        if not row["days"]:
            return None  # withdrawn
        return Position(
            building=row["building"],
            contract=contract,
            first=row["first"],
            last=row["last"],
            days=row["days"],
            days_missing=row["days_missing"],
            expected=row["expected"],
            used=row["used"],
            half_width=row["half_width"] if row["finite"] else math.inf,
            estimated=row["estimated"],
            grade=row["grade"],
            baseline_id=row["baseline_id"],
            received_at=row["received_ms"],
            flagged=msgspec.json.decode(row.get("flagged") or "{}"),
            adjustment=row.get("adjustment") or 0,
            money=row["money"] if row.get("prices") else None,
            money_half_width=row["money_half_width"] if row.get("prices") and row["money_finite"] else None,
            prices=row.get("prices") or "",
        )

    def alerts(self, *, open_only: bool = True) -> list[Alert]:
        """Alerts, newest first."""
        where = "WHERE open = 1 " if open_only else ""
        rows = self.query(f"SELECT * FROM {schema.ALERT} {where}ORDER BY time DESC")
        alerts = [
            Alert(
                building=row["building"],
                subject=row.get("subject") or "",
                kind=row["kind"],
                opened=row["opened_ms"],
                state=row["state"],
                changed=row["changed_ms"],
                amount=row["amount"],
                money=row["money"],
                detail=msgspec.json.decode(row["detail"]),
            )
            for row in rows
        ]
        return sorted(alerts, key=lambda a: (-a.opened, a.building, a.subject, a.kind))
