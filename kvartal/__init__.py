"""The roof: settings, command line, composition."""
