"""A command line and a group of them, and the values that options of a kind are tried with."""

from dataclasses import dataclass, field

# Times, sizes and numbers in many forms; about half are wrong.
TIMES = [
    "", "0", "0s", "-1", "-1s", "+1s", "1", "10", "1.5", "1.5s", ".5s", "5.", "500ms", "1500000us", "10S", "10sec",
    "2m", "1h", "1d", "24h", "25h", "1m30s", "1h1m1s", "30s1m", "1m1m", "1 s", " 1s", "1e3", "1_000s", "١s",
    "99999999999999999999s", "0.0001ms", "inf", "nan", "5x", "s", "1,5s",
]
SIZES = [
    "", "0", "1", "-1", "+1", "500k", "500K", "20M", "20m", "1GiB", "1gib", "1GB", "1.5M", "5.", ".5k", "1 M", "1T",
    "9999999T", "18446744073709551616", "1kk", "k", "1e3", "0x10", "1KiB", "1kB", "1B",
]
NUMBERS = [
    "", "0", "1", "-1", "+1", "10k", "1.5m", "1.5", "1e3", "x", "18446744073709551616", " 1", "1 ", "0x1", "007",
]


@dataclass(frozen=True)
class Line:
    """One run of a program."""

    program: str
    words: str | list[str]
    stdin: bytes = b""
    environment: dict[str, str] = field(default_factory=dict)
    # How its output is normalised beyond the usual: "", "json", "text" or "search" for reports of live runs.
    report: str = ""


@dataclass(frozen=True)
class Group:
    """Lines that run one after the other, with the same servers."""

    name: str
    lines: list[Line]
    # Whether a real server is needed.
    is_served: bool = False


def split(program: str, lines: str, report: str = "") -> list[Line]:
    """A line of each line of text."""
    return [Line(program, line, report=report) for line in lines.strip("\n").splitlines()]
