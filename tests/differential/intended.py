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

_SLASH = "The redirect to the slash of a directory is relative."
_HOME = "The link home of an error page is relative."
_LISTING = "A listing is HTML by a wildcard, and has forms in place of links."
_HEAD = "HEAD ignores Range."
_FIELDS = "A head may have 100 fields."
_READS = "The client reads what curl reads."
_REFUSED = "The client exits with 22 if the server refuses what it sends, and names the status."
_UNSENT = "A load report counts requests that were not sent, and says why connections failed."
_CSV = "CSV has the names of the JSON report."
_ONE_FILE = "A file can be ROOT."

_FILES = [
    Intended("*: stderr, line *", "The first line names what is served.", " and serves "),
    Intended("server *: server *--check*[stdout]", "New settings.", "\nwelcome = false  # default\n"),
    Intended("server forms *: server --check --root=site/index.html [*]", _ONE_FILE),
    Intended(
        "server forms *: server --check --upload=missing site [stderr]",
        "A root is told by its absolute path.",
        "no such directory in '(own)/site'",
    ),
    Intended(
        "server values *: server --check --mime =text/plain site [stderr]",
        "--mime takes names, too.",
        "is no extension or file name, such as foo or README",
    ),
    *(
        Intended(f"*: *{method} /*{name}*", _SLASH, f"\nLocation: {name}/")
        for method, name in (
            ("GET", "about"),
            ("HEAD", "about"),
            ("GET", "without-index"),
            ("GET", "with-index"),
            ("GET", "a"),
            ("GET", "link-directory"),
        )
    ),
    Intended("*: * /*", _HOME, '<p><a href="./">Go to the home page</a></p>'),
    Intended("*: * /*", _HOME, '<p><a href="../">Go to the home page</a></p>'),
    Intended("*: * /*", _LISTING, "\nContent-Security-Policy: default-src 'none';"),
    Intended("*: syntax *: 1.0 listing", _LISTING, "\nContent-Security-Policy: default-src 'none';"),
    Intended("*: paths *: GET /.well-known/security.txt", "It is served.", "HTTP/1.1 200 OK"),
    Intended("everything: *", "The page of --fallback varies.", "\nVary: Accept, Sec-Fetch-Dest"),
    Intended("fallback*: *", "The page of --fallback varies.", "\nVary: Accept, Sec-Fetch-Dest"),
    # The responses are compared by themselves; one request more shifts all lines of a log.
    Intended("*: access.log, line *", "The log tells of the changed responses."),
    Intended("log to standard output: stdout, line *", "The log tells of the changed responses.", "/without-index/ "),
]

_PROTOCOL = [
    Intended("*: ranges *: HEAD bytes=*", _HEAD, "HTTP/1.1 200 OK"),
    Intended("*: conditions *: HEAD *Range: *", _HEAD, "HTTP/1.1 200 OK"),
    Intended("*: ranges *: GET *Range: bytes=*,*", "A multipart body begins with CRLF.", "\nContent-Type: multipart/"),
    Intended("*: syntax *: many fields*", _FIELDS, "HTTP/1.1 "),
]

_CLIENT = [
    Intended("client fetches *: client *:{P}/long-head [*]", _READS),
    Intended("client fetches *: client *:{P}/*many-fields [*]", _READS),
    Intended("client fetches *: client *:{P}/line-feeds [*]", _READS),
    Intended("client fetches *: client *:{P}/deceptive [*]", _READS),
    Intended("client *: client *-T * [stderr]", _REFUSED, "reactor-client: not stored: the server "),
    Intended("client *: client PUT * [stderr]", _REFUSED, "reactor-client: not stored: the server "),
    Intended("client *: client *-T * [exit code]", _REFUSED, "22"),
    Intended("client *: client PUT * [exit code]", _REFUSED, "22"),
    Intended("client fetches *: client -f* :{P}/missing [stderr]", _REFUSED, " responded with status 404 Not Found"),
    Intended("load runs *: client * --format csv * [stdout]", _CSV, "name,value\r\n"),
    Intended("load runs *: client * --format hdr * [stdout]", _UNSENT, " failed, "),
    Intended("saved runs *: client merge * --format csv [stdout]", _CSV, "name,value\r\n"),
    Intended("saved runs *: client compare * --format csv [stdout]", _CSV, "name,value\r\n"),
    Intended("saved runs *: client merge * --format hdr [stdout]", _UNSENT, " failed, "),
    Intended("saved runs *: client merge failed.run failed.run [stdout]", _UNSENT, "; connection refused: "),
]

INTENDED: list[Intended] = _TEXTS + _FILES + _PROTOCOL + _CLIENT
