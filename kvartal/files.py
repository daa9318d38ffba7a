"""Reading what people give us, with errors that say what, where, got and expected."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

from metering.site import Site, SiteError, parse_site


class Refused(Exception):
    """Bad usage or configuration: the text is for a person, the exit status is 2."""


def read_site(path: Path) -> Site:
    """The site that the file describes.

    Raises:
        Refused: the file cannot be read or does not describe a site.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refused(f"{path}: there is no such file (expected a site file in TOML)") from None
    except IsADirectoryError:
        raise Refused(f"{path}: is a directory (expected a site file in TOML)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: cannot be read: {error}") from None
    try:
        return parse_site(text, file=path)
    except SiteError as error:
        raise Refused(str(error)) from None


def refuse(error: Exception) -> NoReturn:
    """Say why on stderr and exit with 2."""
    print(error, file=sys.stderr)  # noqa: T201 - this is the command line's voice
    raise SystemExit(2)
