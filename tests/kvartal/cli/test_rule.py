"""`kvartal rule` and `kvartal findings`: from a question to a decision, and back."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kvartal.cli.main import app
from metering.refusal import Refusal
from tests.commands import capture
from tests.sites import building, meter, site_text, source

WHO = ("--author", "I. Petrova", "--reason", "meter passport")


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def stamp(hour: int) -> str:
    return f"2026-01-{5 + hour // 24:02d}T{hour % 24:02d}:00:00+03:00"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A site and a store: hourly, 50 kWh an hour; from hour 120 on in MWh, and no payload says so."""
    (tmp_path / "site.toml").write_text(
        site_text(
            source("kvartal/v1/{building}/{meter}/readings", format="kvartal", backfill=True),
            building(meter("heat", "heat", "kWh", max_power_kw=2000)),
        ),
        encoding="utf-8",
    )
    shown = [10_000 + 50 * hour if hour < 120 else (10_000 + 50 * hour) / 1000 for hour in range(192)]
    readings = [[stamp(hour), value] for hour, value in enumerate(shown)]
    (tmp_path / "captures.jsonl").write_text(
        "".join(
            capture({"readings": readings[at : at + 24]}, "2026-01-14T00:00:00+03:00")
            for at in range(0, 192, 24)
        ),
        encoding="utf-8",
    )
    run(tmp_path, "replay", tmp_path / "captures.jsonl")
    return tmp_path


def run(place: Path, *arguments: str | Path, refused: bool = False) -> str:
    """The output of a command in this process; of a refused one its message."""
    takes_site = arguments[0] == "replay" or (*arguments, "")[1] in ("add", "withdraw", "accept", "import")
    site = ("--site", place / "site.toml") if takes_site else ()
    done = CliRunner().invoke(app, [*map(str, (*arguments, *site, "--db", place / "k.db"))])
    if refused:
        assert isinstance(done.exception, Refusal), done.output
        return str(done.exception)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def total(place: Path) -> int:
    return sum(row["amount"] for row in json.loads(run(place, "ledger", "--format", "json")))


ADD_UNIT = (
    "rule",
    "add",
    "--meter",
    "b01/heat",
    "--kind",
    "unit",
    "--unit",
    "MWh",
    "--from",
    stamp(120),
    *WHO,
)


def test_a_ruling_is_stated_listed_exported_withdrawn_and_imported(place: Path) -> None:
    before = run(place, "ledger")
    assert lines(run(place, *ADD_UNIT)) == [{"rulings": 1}]
    assert total(place) == 191 * 50_000
    assert not [f for f in lines(run(place, "findings", "--json")) if f["kind"] == "unit_change"]
    (listed,) = lines(run(place, "rule", "list"))
    assert listed["in_force"]
    assert (listed["kind"], listed["factor"], listed["author"]) == ("unit", "1000/1", "I. Petrova")
    ruled = run(place, "ledger")

    run(place, "rule", "withdraw", listed["id"], *WHO)
    assert run(place, "ledger") == before
    (withdrawn,) = lines(run(place, "rule", "list"))
    assert (withdrawn["id"], withdrawn["in_force"]) == (listed["id"], False)
    assert "withdrawn already" in run(place, "rule", "withdraw", listed["id"], *WHO, refused=True)

    # The exported statement is older than the withdrawal and does not bring the ruling back.
    decisions = place / "decisions.toml"
    run(place, "rule", "export", decisions)
    (entry,) = tomllib.loads(decisions.read_text(encoding="utf-8"))["ruling"]
    assert entry["withdrawn_by"] == "I. Petrova"
    run(place, "rule", "import")
    assert run(place, "ledger") == before
    # Stated again, it holds again.
    run(place, *ADD_UNIT)
    assert run(place, "ledger") == ruled
    assert json.loads(run(place, "audit"))["faults"] == []


def test_an_exported_file_gives_another_store_the_same_ledger(place: Path) -> None:
    run(place, *ADD_UNIT)
    run(
        place,
        "rule",
        "add",
        "--meter",
        "b01/heat",
        "--kind",
        "not_ours",
        "--at",
        stamp(30),
        "--value",
        "11500",
        *WHO,
    )
    run(
        place,
        "rule",
        "add",
        "--meter",
        "b01/heat",
        "--kind",
        "pulse_weight",
        "--factor",
        "2",
        "--from",
        stamp(60),
        *WHO,
    )
    run(place, "rule", "add", "--meter", "b01/heat", "--kind", "no_exchange", "--at", stamp(70), *WHO)
    run(
        place,
        "rule",
        "add",
        "--meter",
        "b01/heat",
        "--kind",
        "replaces",
        "--source",
        "b",
        "--replaces",
        "a",
        *WHO,
    )
    run(place, "rule", "add", "--meter", "b01/heat", "--kind", "exchange", "--at", stamp(170), "--final", "18500",
        "--initial", "18490", *WHO)  # fmt: skip
    run(place, "rule", "export", place / "decisions.toml")
    listed = run(place, "rule", "list")
    expected = run(place, "ledger")
    (place / "k.db").rename(place / "other.db")
    for name in ("k.db-wal", "k.db-shm"):
        (place / name).unlink(missing_ok=True)
    run(place, "rule", "import")  # before the first reading
    run(place, "replay", place / "captures.jsonl")
    assert run(place, "ledger") == expected
    assert run(place, "rule", "list") == listed


def test_a_finding_proposes_and_its_proposal_is_accepted(place: Path) -> None:
    proposed = lines(run(place, "rule", "propose"))
    (finding,) = [line for line in proposed if line["kind"] == "unit_change"]
    assert finding["proposal"].startswith("unit from 2026-01-0")
    run(place, "rule", "accept", finding["id"], *WHO)
    assert finding["id"] not in {line["id"] for line in lines(run(place, "rule", "propose"))}
    (ruling,) = lines(run(place, "rule", "list"))
    assert (ruling["kind"], ruling["factor"], ruling["reason"]) == ("unit", "1/1", "meter passport")
    assert "there is no finding" in run(place, "rule", "accept", finding["id"], *WHO, refused=True)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--meter", "b01/none", "--kind", "unit", "--from", stamp(1)), "register of the site file"),
        (("--meter", "b01/heat", "--kind", "unit", "--at", stamp(1)), "from: expected the instant"),
        (("--meter", "b01/heat", "--kind", "unit", "--unit", "m3", "--from", stamp(1)), "does not measure"),
        (("--meter", "b01/heat", "--kind", "unit", "--unit", "bushel", "--from", stamp(1)), "unknown unit"),
        (("--meter", "b01/heat", "--kind", "pulse_weight", "--from", stamp(1)), "factor: missing"),
        (
            ("--meter", "b01/heat", "--kind", "pulse_weight", "--from", stamp(1), "--factor", "0"),
            "factor: got",
        ),
        (("--meter", "b01/heat", "--kind", "exchange", "--at", stamp(1), "--final", "1"), "initial: missing"),
        (("--meter", "b01/heat", "--kind", "not_ours"), "at: missing"),
        (("--meter", "b01/heat", "--kind", "not_ours", "--at", "yesterday"), "at:"),
        (("--meter", "b01/heat", "--kind", "not_ours", "--at", stamp(1), "--value", "NaN"), "value"),
    ],
)
def test_a_wrong_ruling_is_refused_with_what_is_expected(
    place: Path, options: tuple[str, ...], why: str
) -> None:
    assert why in run(place, "rule", "add", *options, *WHO, refused=True)
    assert run(place, "rule", "list") == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[ruling", "not TOML"),
        ("[[rule]]\nkind = 'unit'", "expected tables [[ruling]]"),
        ("[[ruling]]\nmeter = 'b01/heat'\nkind = 'guess'\nauthor = 'a'\nreason = 'b'", "kind"),
        (
            "[[ruling]]\nmeter = 'b01/heat'\nkind = 'unit'\nfrom = 2026-01-01T00:00:00Z\nauthor = 'a'\nreason = 'b'",
            "stated: missing",
        ),
    ],
)
def test_a_wrong_decisions_file_is_refused_with_its_place(place: Path, text: str, why: str) -> None:
    (place / "decisions.toml").write_text(text, encoding="utf-8")
    refused = run(place, "rule", "import", refused=True)
    assert "decisions.toml" in refused
    assert why in refused
