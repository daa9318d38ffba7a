"""The command line. `main` is the console script's entry."""

from kvartal.cli.main import main

__all__ = ["main"]
