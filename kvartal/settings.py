"""Settings from the environment (`KVARTAL_...`) and from `.env`. Only the roof reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All that differs between two installations of one site. Command-line options take precedence."""

    model_config = SettingsConfigDict(env_prefix="KVARTAL_", env_file=".env", extra="ignore")

    site: Path | None = None
    """The site file."""
    data: Path = Path("kvartal-data")
    """Directory of the embedded store, the outbox and the child broker's session."""
    db: Path | None = None
    """The embedded store; by default `kvartal.db` in the data directory."""
    lang: Literal["ru", "en"] = "ru"

    mqtt_host: str = ""
    """Host of the broker; empty for a mosquitto of our own on loopback."""
    mqtt_port: int = Field(default=1883, ge=1, le=65535)
    mqtt_username: str | None = None
    mqtt_password: SecretStr | None = None
    mqtt_tls: bool = False
    mqtt_client_id: str = "kvartal"
    """Fixed, because the broker keeps our session under it. Two processes must not share one."""

    kafka: str = ""
    """Bootstrap servers of the event log (cluster mode)."""
    partitions: int = Field(default=12, ge=1)
    """Partitions of the event log; fixed for its life."""

    influx_url: str = ""
    """Base URL of InfluxDB; empty for the embedded store alone."""
    influx_token: SecretStr | None = None
    influx_org: str = "kvartal"
    influx_bucket: str = "kvartal"

    notify: str = ""
    """Receivers of alerts: apprise URLs, separated by commas."""

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65535)

    http_password: SecretStr | None = None
    """Password of the page; required beyond loopback."""

    grafana_token: SecretStr | None = None
    """Token of a Grafana service account, for `kvartal annotate`."""

    @property
    def store(self) -> Path:
        """Path of the embedded store."""
        return self.db or self.data / "kvartal.db"
