"""Words of a register's statement: each row, and each reason why energy is not counted, in Russian and English."""

from __future__ import annotations

from typing import Final

STATEMENT: Final[dict[str, tuple[str, str]]] = {
    "last": ("последнее принятое показание", "last accepted reading"),
    "first": ("первое принятое показание", "first accepted reading"),
    "difference": ("разность", "difference"),
    "booked": ("учтено по часам", "booked by hour"),
    "unknown": ("известно только суммой", "known only in total"),
    "left": ("не объяснено", "not explained"),
    "not first": ("до первого показания", "before the first reading"),
    "not rollover": (
        "не расход: счётчик прошёл последний разряд",
        "not use: the register passed its last digit",
    ),
    "not reset": ("не расход: счётчик начал снова с нуля", "not use: the register began again near zero"),
    "not exchange": ("не расход: замена счётчика", "not use: the meter was exchanged"),
    "not unread": (
        "не расход: счётчик после архива показывает другое",
        "not use: after an archive the register shows another count",
    ),
    "not interval": (
        "учтено по архиву или акту, не по показаниям",
        "booked by an archive or act, not by readings",
    ),
    "not unit": (
        "пересчёт единиц: показания в другой единице",
        "conversion: the readings come in another unit",
    ),
    "not in_doubt": (
        "последнее показание под вопросом: решат следующие",
        "the last reading is in doubt: later ones decide",
    ),
    "not conflict": (
        "на последний момент прислано два значения, учтено другое",
        "two values were sent for the last instant, the other one is kept",
    ),
    "not stray": (
        "последнее показание не следует из прежних и не учтено",
        "the last reading does not follow from those before it and is left out",
    ),
    "not ruling": ("не расход: так решил человек", "not use: a person ruled so"),
    "not unnamed": ("причина не записана прежней версией", "an older version kept no reason"),
}
"""By row of the statement; `not` and the reason of `metering.ledger.booking.Named` or `metering.ledger.statement`."""
