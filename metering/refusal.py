"""The base of the exceptions that end a command."""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """Ends the command. The text is for a person: what is wrong, what was given, what is expected."""

    status: ClassVar[int] = 2
    """Exit status of the command: 2 for bad usage or configuration, 1 if a check failed."""
