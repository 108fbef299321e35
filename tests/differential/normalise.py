"""Normalisation of what differs between two runs of the same program.

Dates, times, durations, ports, temporary paths and module names are replaced by fixed words.
"""

import hashlib
import json
import re
from typing import Any

TEXT_MAX = 20_000
SHOWN_MAX = 1500

_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"

# In order; each replaces every occurrence.
_ALWAYS: list[tuple[bytes, bytes]] = [
    (rb"(?m)^([<>] )?Date: " + _DAY, rb"\1Date: DATE"),
    (rb'\["Date","' + _DAY + rb'"\]', b'["Date","DATE"]'),
    (rb"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", b"[TIME]"),
    (rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)", b"TIME"),
    (rb"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"[TIME"),
    (rb'"duration_us":\d+', b'"duration_us":N'),
    (rb'"port":\d+', b'"port":PORT'),
    (rb"\bin \d+ us\b", b"in N us"),
    (rb"\b(in|after|of|for) [\d.,]+ (?:\xc2\xb5s|ms|s)\b", rb"\1 DURATION"),
    (rb"(127\.0\.0\.\d+|\[::1?\]|0\.0\.0\.0|localhost):\d{2,5}\b", rb"\1:PORT"),
    (rb"\(times: \d+\)", b"(times: N)"),
    # Modules of the program move; the log level and the message stay.
    (rb"reactor_http(?:::\w+)+", b"reactor_http"),
]

# Where files are made during the run, their identity and time are not fixed.
_FILES_MADE: list[tuple[bytes, bytes]] = [
    (rb'(?m)^(?:[<>] )?Last-Modified: [^\r\n]*\r?\n', b""),
    (rb'\["Last-Modified","[^"]*"\],?', b""),
    (rb'(\\?")[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+(-\w+)?(\\?")', rb"\1TAG\2\3"),
]


def normalise(data: bytes, paths: dict[str, str], files_made: bool = False) -> str:
    """Text of `data` without what differs by chance; a long one is a beginning and a digest."""
    for path, word in paths.items():
        data = data.replace(path.encode(), word.encode())
    for pattern, replacement in _ALWAYS + (_FILES_MADE if files_made else []):
        data = re.sub(pattern, replacement, data)
    for boundary in set(re.findall(rb"boundary=([0-9a-f]{16})", data)):
        data = data.replace(boundary, b"BOUNDARY")
    if len(data) > TEXT_MAX:
        digest = hashlib.sha256(data).hexdigest()
        data = data[:SHOWN_MAX] + f"\n({len(data)} bytes, SHA-256 {digest})".encode()
    text = data.decode("utf-8", "backslashreplace")
    return "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# Parts of a JSON report whose numbers are the same in each run.
_STABLE_NUMBERS = {"requests", "statuses", "run", "version", "urls"}
_UNSTABLE_KEYS = {"wall_secs", "started_unix_secs", "unfinished_oldest_us", "latency"}
_UNSTABLE_LISTS = {"histogram", "slices", "curve", "reasons", "caveats"}
# A busy machine may be the limit of a run, and the report says so.
_JUDGEMENTS = {"client_bound", "remarks", "valid"}


def shape(value: Any, is_stable: bool = False) -> Any:
    """A JSON value with its keys, and its numbers only where they are the same in each run."""
    if isinstance(value, dict):
        return {key: _member(key, inner, is_stable) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner, is_stable) for inner in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or is_stable:
        return value
    return "NUMBER"


def _member(key: str, value: Any, is_stable: bool) -> Any:
    if key in _JUDGEMENTS:
        return type(value).__name__
    if key in _UNSTABLE_LISTS and isinstance(value, list):
        return sorted(key_paths(value))
    return shape(value, (is_stable or key in _STABLE_NUMBERS) and key not in _UNSTABLE_KEYS)


def key_paths(value: Any, prefix: str = "") -> set[str]:
    """The paths of all keys, such as `.slices[].p50_us`."""
    if isinstance(value, dict):
        inner = [key_paths(inner, f"{prefix}.{key}") | {f"{prefix}.{key}"} for key, inner in value.items()]
    elif isinstance(value, list):
        inner = [key_paths(inner, f"{prefix}[]") for inner in value]
    else:
        inner = []
    return set().union(*inner)


def json_report(text: str) -> str:
    """A JSON report of a live run, with what is the same in each run."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(shape(value), indent=1)


def text_report(text: str) -> str:
    """A report for people: its words, without figures and without rows of figures."""
    text = re.sub(r"<svg.*?</svg>", "<svg/>", text, flags=re.S)
    lines = [line for line in text.splitlines() if not re.match(r"\s+(to |above )?[\d.,]+ (µs|ms|s)\b.*", line)]
    text = "\n".join(line for line in lines if "HIST" not in line and "INVALID: client-bound" not in line)
    words = re.sub(r"-?\d[\d.,]*(e-?\d+)?( ?(µs|ms|s|%|kB|MB|GB|B))?", "N", text)
    return re.sub(r"[ \t]+", " ", words.replace("#", ""))
