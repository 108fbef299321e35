"""Differences between the old and the new build that are intended.

Each entry must be seen in a run, or the run fails.
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


_GRAMMAR = "Both programs read times with one grammar, and have one text for each fault."
_NOT_A_TIME = "' is not a time; write it like 500ms, 10s, 1m30s or 2h; see"
_BARE = "A bare number is seconds for -z, --warmup, --timeout and --every, too."
_UNITS = "The times of a request take units, as all other times do."
_PARTS = "The server takes the times that the client took before: parts, µs, and a point at either end."


def _accepted(line: str, values: str, why: str, new: dict[str, str]) -> list[Intended]:
    """Entries for a line that takes new values: `V` stands for each; `new` is the text by part of the output."""
    cases = [(value, part) for value in values.split() for part in new]
    return [
        Intended(f"{line.replace('V', value)} [{part}]", why, new[part].replace("V", value)) for value, part in cases
    ]


# The text only: exit codes are cases of their own, and they may not change for these lines.
_TEXTS = [
    Intended("client usage *: client * [stderr]", _GRAMMAR, _NOT_A_TIME),
    Intended("load usage *: client * [stderr]", _GRAMMAR, _NOT_A_TIME),
    Intended("load usage *: client * [stderr]", _GRAMMAR, "' is too short; it must be above 0; see"),
    Intended("load usage *: client * [stderr]", _GRAMMAR, "' is too long; at most 8760h; see"),
    Intended("server times *: server --check * [stderr]", _GRAMMAR, _NOT_A_TIME),
    Intended("server environment *: server * {'REACTOR_IDLE_TIMEOUT': '5x'} [stderr]", _GRAMMAR, _NOT_A_TIME),
]

# An accepted line fails next for the missing file or the refused connection, if it is one of the client.
_TIMES = [
    *_accepted("load usage *: client -n 1 --urls missing --*=V", "1 10 1.5 5.", _BARE,
        {"exit code": "1", "stderr": "cannot read 'missing'"}),
    *_accepted("load usage *: client -z V --urls missing", "1 10 1.5 5.", _BARE,
        {"exit code": "1", "stderr": "cannot read 'missing'"}),
    *_accepted("load usage *: client -* V -p 1 /",
        "0s 1.5s .5s 500ms 1500us 2m 1h 24h 25h 1m30s 1h1m1s 30s1m 1m1m", _UNITS,
        {"exit code": "7", "stderr": "cannot connect to 127.0.0.1:1: connection refused"}),
    *_accepted("load usage *: client -* V -p 1 /", "0.0001ms", _UNITS,
        {"exit code": "28", "stderr": "timed out after"}),
    *_accepted("server times *: server --check --*=V site", ".5s 5. 1500us 1m30s 1h1m1s 30s1m 1m1m", _PARTS,
        {"exit code": "0", "stderr": "", "stdout": ' = "V"  # command line'}),
]

_HELP = [
    Intended(
        "client usage *: client *-h* [stdout]",
        "One line tells how times are written, for all options.",
        "\n  T, here and above, is a time such as 500ms, 10s, 10 (seconds), 1m30s or 2h.\n",
    ),
    Intended(
        "server forms *: server *-h* [stdout]",
        "The help gives the examples of the one grammar.",
        "\n  T is a time such as 500ms, 10s, 10 (seconds), 1m30s or 2h, and at most 24h.\n",
    ),
    Intended(
        "client usage *: client compare *-h* [stdout]",
        "The load generator is a module of its own, and its schema lies there.",
        " src/load/report/schema.json ",
    ),
]

# One JSON escaper with one list of deceptive characters.
_JSON = [
    Intended("log JSON: access.log, line *", "JSON logs escape U+00AD.", '["User-Agent","a\\u00adb"]'),
    Intended("log JSON: access.log, line *", "JSON logs escape tag characters.", '["User-Agent","a\\udb40\\udc41b"]'),
    Intended(
        "index is any file: listings *: GET / Accept: application/json",
        "JSON listings escape control and deceptive characters by number.",
        '"name":"line\\u000aend.txt"',
    ),
    Intended(
        "index is any file: access.log, line *",
        "The JSON listing is longer by its escapes.",
        '"GET / HTTP/1.1" 200 4412 ',
    ),
]

INTENDED: list[Intended] = [*_TEXTS, *_TIMES, *_HELP, *_JSON]
