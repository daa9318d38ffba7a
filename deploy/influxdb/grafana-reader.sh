#!/bin/bash
# Runs once, when the image sets InfluxDB up. Grafana gets a user that can only read the bucket: everyone who can see
# a dashboard can send any query to its data source, and InfluxQL can also delete.
set -euo pipefail
bucket="${DOCKER_INFLUXDB_INIT_BUCKET_ID:-$(influx bucket list -n "$DOCKER_INFLUXDB_INIT_BUCKET" --hide-headers | cut -f 1)}"
influx v1 auth create --org "$DOCKER_INFLUXDB_INIT_ORG" --read-bucket "$bucket" \
    --username grafana --password "$KVARTAL_INFLUX_READ_PASSWORD"
