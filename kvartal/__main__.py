"""`python -m kvartal`."""

from kvartal.cli.main import main

main()
