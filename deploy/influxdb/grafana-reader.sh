#!/bin/bash
# Runs once, when the image sets InfluxDB up. Grafana gets a user that may read the bucket and nothing else:
# whoever may look at a dashboard may send any query to its data source, and InfluxQL can also delete.
set -euo pipefail
bucket="${DOCKER_INFLUXDB_INIT_BUCKET_ID:-$(influx bucket list -n "$DOCKER_INFLUXDB_INIT_BUCKET" --hide-headers | cut -f 1)}"
influx v1 auth create --org "$DOCKER_INFLUXDB_INIT_ORG" --read-bucket "$bucket" \
    --username grafana --password "$KVARTAL_INFLUX_READ_PASSWORD"
