"""Houses with physics, weather, meters and retrofits whose true savings are known."""
