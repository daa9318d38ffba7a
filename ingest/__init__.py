"""MQTT in: payload decoders, the no-loss source, the event-log publisher."""
