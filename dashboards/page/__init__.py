"""The built-in page: what Grafana shows, without Grafana."""
