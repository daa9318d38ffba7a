"""What people see: Grafana as code, the built-in page, notifications."""
