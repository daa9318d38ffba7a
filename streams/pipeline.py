"""The pipeline, stated once."""

from __future__ import annotations

from metering.site.model import Site
from streams.step import AnyStep
from streams.steps.balance import balance_step
from streams.steps.days import days_step
from streams.steps.gateway import gateway_step
from streams.steps.gauges import gauges_step
from streams.steps.hourly_balance import hourly_balance_step
from streams.steps.ledger import ledger_step
from streams.steps.savings import savings_step
from streams.steps.silence import silence_step
from streams.steps.standstills import standstills_step
from streams.steps.virtual import virtual_step
from streams.steps.watch import watch_step
from streams.steps.weather import weather_step


def pipeline(site: Site) -> tuple[AnyStep, ...]:
    """The steps that turn readings and ticks into everything else."""
    return (
        ledger_step(site),
        gauges_step(site),
        gateway_step(site),
        weather_step(site),
        days_step(site),
        virtual_step(site),
        standstills_step(site),
        balance_step(site),
        hourly_balance_step(site),
        savings_step(site),
        watch_step(site),
        silence_step(site),
    )
