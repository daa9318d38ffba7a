"""`python -m kvartal`."""

from kvartal.cli import main

main()
