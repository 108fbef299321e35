"""Differences between the build of version 0.2.0 and the new one that are intended.

Each entry must be seen in a run, or the run fails. Changed messages are in `texts.py`.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Intended:
    """Cases that may differ: `*` in the name stands for anything, brackets for themselves."""

    name: str
    why: str
    # What the output of the new build must contain.
    new: str = ""

    def allows(self, name: str, new: str) -> bool:
        """Whether this difference is meant."""
        pattern = ".*".join(re.escape(part) for part in self.name.split("*"))
        return re.fullmatch(pattern, name, re.S) is not None and self.new in new


_HELP = "The help is in plain English."
_PAGES = "The built-in pages are in plain English."
_REPORT = "The report is in plain English; it is compared by its digest."

_TEXTS = [
    Intended("client usage *: client *-h* [stdout]", _HELP, "in place of the one in the words"),
    Intended("client usage *: client compare *-h* [stdout]", _HELP, "two runs side by side"),
    Intended("client usage *: client merge *-h* [stdout]", _HELP, "the runs of several hosts as one"),
    Intended("client usage *: client sum *-h* [stdout]", _HELP, "exchange numbers with a server"),
    Intended("server forms *: server *-h* [stdout]", _HELP, "\nWhat responses contain ("),
    Intended("built-in pages: built-in *", _PAGES, "ETag: \"0-1882-0-"),
    Intended("built-in pages: built-in *: GET /HelloWorld.html*", _PAGES, "ETag: \"0-266-0-"),
    Intended("built-in pages: access.log, line *", _PAGES, " HTTP/1.1\" 200 6274 "),
    Intended("built-in pages: access.log, line *", _PAGES, " HTTP/1.1\" 200 2232 "),
    Intended("saved runs *: client merge * --format html [stdout]", _REPORT, " bytes, SHA-256 "),
]

INTENDED: list[Intended] = _TEXTS
