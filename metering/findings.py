"""The vocabulary of findings: doubts about the measurements that a person should look at, and their figures."""

from __future__ import annotations

from typing import Final

MEANINGS: Final[dict[str, str]] = {
    "conflict": "two values were sent for one instant; the ledger keeps the smallest that follows",
    "spike_dropped": "readings that nothing before or after them explains were left out",
    "rollover": "the register passed its last digit",
    "reset": "the register began again near zero or at an older count; what was used in between was not counted",
    "exchange": "the register jumped to another meter's count: an exchange that nobody has declared",
    "exchange_contradicted": "a declared exchange does not fit what the register showed",
    "unit_change": "the values come in another unit than before, and are converted",
    "frozen": "the register stood still on its way to us and then caught up at once",
    "pulse_weight": "the register counts ten (or 100, 1000) times as fast or as slow as before",
    "leap": "the register counted more than a usual day at once and went on from there: used, or another count?",
    "stalled": "readings do not follow from those before them and are left out: is the bound or the unit wrong?",
    "pending": "the newest readings are in doubt; the next ones will decide",
    "archive_differs": "over a gap, an archive's rows and the register contradict each other",
    "implausible": "an archive's row says more than the meter can count",
    "overlap": "an act covers a time of which a part was counted already; it is not used",
    "balance": "over a month, sub-meters count more than the main meter before them",
    "balance_by_hour": "in hours of a week, sub-meters count more than the main meter before them",
    "shifted_hours": "the days have the shape that they had, but at other hours",
    "weight_by_weather": "the use is a multiple of what weather or weekday explain: pulse weight or unit?",
    "energy_by_volume": "a heat meter's energy is a multiple of its volume times its cooling: unit or pulse weight?",
    "gateway_clock": "stamps are off from their arrival by the same half hours for days",
    "standstill": "a register stands still although nothing says that it should",
}
"""By kind, as `metering.events.Finding.kind` has it."""

FIGURES: Final[dict[str, str]] = {
    "values": "values that were sent for one instant, or that were left out",
    "readings": "readings after which the explanation was believed",
    "days": "days",
    "flows": "1 if the meter's own flow contradicts the standstill",
    "meters": "sub-meters, separated by commas",
    "amount": "what was counted or stated",
    "usual": "what a usual day counts, or the largest one",
    "other": "another use that was stated for the same time",
    "before": "the register's amount before the step",
    "after": "its amount after the step",
    "first": "the first value that was left out",
    "declared": "the final amount that was declared",
    "last": "the last reading before the exchange",
    "register": "what the register counted",
    "intervals": "what the intervals add up to",
    "hours": "by how many hours the stamps are late (early if negative)",
    "offset": "stamp minus arrival [min]",
    "numerator": "of the factor that the use is to be multiplied by",
    "denominator": "of the same factor",
    "subs": "what the sub-meters count together",
    "main": "what the main meter counts",
    "rate": "what the newest readings count in an hour",
    "bound": "what the meter can count in an hour, by the site file",
    "text": "the sentence of a finding that was stored before findings had figures",
}
"""Names of a finding's figures; those in `AMOUNTS` are in the base unit of the quantity."""

AMOUNTS: Final = frozenset(
    {
        *("amount", "usual", "other", "before", "after", "first", "declared", "last"),
        *("register", "intervals", "subs", "main", "rate", "bound"),
    }
)

ADVICE: Final[dict[str, str]] = {
    "stalled": "raise max_power_kw of the meter in the site file, or rule in which unit the register counts",
    "shifted_hours": "set the time zone or the clock of what sends the readings",
    "gateway_clock": "set the clock of the gateway",
}
"""What settles a finding that no ruling settles (`metering.ledger.proposals`), by kind."""
