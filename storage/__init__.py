"""What is kept: InfluxDB and the embedded SQLite store, under one contract."""
