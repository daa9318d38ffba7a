"""What the site file describes: buildings, meters, stations, tariffs, contracts."""
