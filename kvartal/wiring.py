"""The parts of a service, made from the settings and the site."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from ingest.decode import Decoder
from ingest.source import MqttSource
from kvartal.process import collect_rarely, wall_clock
from kvartal.settings import Settings
from metering.site.model import Site, site_bytes
from storage.sqlite import Store
from streams.embedded import Embedded


def embedded(site: Site, store: Store) -> Embedded:
    """The embedded pipeline of a site over a store, which keeps the site beside its figures."""
    collect_rarely()
    store.keep_site(site_bytes(site))
    return Embedded(site=site, store=store, decode=Decoder(site).decode)


def mqtt_source(
    settings: Settings,
    *,
    host: str,
    filters: Sequence[str],
    client_id: str | None = None,
    session: bool = True,
) -> MqttSource:
    """A source with the port, credentials and TLS of the settings, not started yet.

    Args:
        settings: The settings.
        host: The broker's host.
        filters: MQTT topic filters to subscribe to.
        client_id: The session's id; that of the settings by default.
        session: Whether the broker keeps a session.
    """
    return MqttSource(
        host=host,
        port=settings.mqtt_port,
        client_id=client_id if client_id is not None else settings.mqtt_client_id,
        filters=filters,
        clock=wall_clock,
        username=settings.mqtt_username,
        password=secret(settings.mqtt_password),
        tls=settings.mqtt_tls,
        session=session,
    )


def notify_urls(settings: Settings) -> list[str]:
    """The apprise URLs that alerts go to."""
    return [url.strip() for url in settings.notify.split(",") if url.strip()]


def secret(value: SecretStr | None) -> str | None:
    """The text of a secret setting, or None if it is not set."""
    return value.get_secret_value() if value is not None else None
