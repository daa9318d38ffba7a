"""The pipeline, said once."""

from __future__ import annotations

from metering.site import Site
from streams.balance import balance_step
from streams.days import days_step
from streams.gauges import gauges_step
from streams.idle import idle_step
from streams.ledger import ledger_step
from streams.savings import savings_step
from streams.step import Step
from streams.virtual import virtual_step
from streams.watch import silence_step, watch_step
from streams.weather import weather_step


def pipeline(site: Site) -> tuple[Step, ...]:
    """The steps that turn readings and ticks into everything else."""
    return (
        ledger_step(site),
        gauges_step(site),
        weather_step(site),
        days_step(site),
        virtual_step(site),
        idle_step(site),
        balance_step(site),
        savings_step(site),
        watch_step(site),
        silence_step(site),
    )
