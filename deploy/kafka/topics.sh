#!/bin/sh
# Creates missing topics of the event log. Their number of partitions is fixed for the life of the log:
# `kvartal ingest` and `kvartal worker` refuse to start with another number.
set -eu
topics="${KAFKA_TOPICS:-/opt/kafka/bin/kafka-topics.sh}"

create() {
    topic="$1"
    shift
    "$topics" --bootstrap-server "$KVARTAL_KAFKA" --create --if-not-exists --topic "$topic" \
        --partitions "$KVARTAL_PARTITIONS" --replication-factor 1 "$@"
}

# Readings and rejections are kept for ever: the ledger can be folded again from readings, rejections replayed.
create kvartal-readings --config retention.ms=-1 --config max.message.bytes=4194304
create kvartal-rejected --config retention.ms=-1 --config max.message.bytes=4194304
# Rulings of persons: every statement, for lists; the ledger takes them from the readings' topic.
create kvartal-rulings --config cleanup.policy=compact --config max.message.bytes=4194304
create kvartal-worker-state-changelog --config cleanup.policy=compact --config max.message.bytes=4194304
