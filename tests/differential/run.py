#!/usr/bin/env python3
"""Comparison of an old and a new build over some 2,500 requests and 1,100 command lines.

Usage: python3 tests/differential/run.py OLD_DIR NEW_DIR [WORD]

Each directory holds a reactor-server and a reactor-client. Both builds get the same raw requests in many
configurations and the same command lines; responses, logs, stored files, output, exit codes and files made
must be equal, apart from dates, times, ports and temporary paths. Only cases whose name contains WORD are
reported, if it is given. Differences that are intended are listed in `intended.py`,
changed messages in `texts.py`.

Exit codes: 0 equal, 1 different, 2 wrong usage.
"""

import difflib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import commands
import serving
import texts
import tree
from configurations import CONFIGURATIONS
from intended import INTENDED, Intended
from lines import Group
from serving import Side

PROGRAMS = ("reactor-server", "reactor-client")
JOBS = 6
DIFF_LINES_MAX = 24
LINE_LEN_MAX = 300
NAMES_MAX = 3
ATTEMPTS = 4
SETTLE_SECS = 2.2

Findings = dict[str, str]


def _side(name: str, source: Path, work: Path, site: Path) -> Side:
    """Copies of the binaries in a directory that every user can read."""
    own = work / name
    own.mkdir()
    for program in PROGRAMS:
        shutil.copy(source / program, own / program)
        (own / program).chmod(0o755)
    return Side(name, own / PROGRAMS[0], own / PROGRAMS[1], own, site)


def _jobs(old: Side) -> list[Callable[[Side], Findings]]:
    """What is observed, each on a side that is given, with servers of its own."""
    servers = [lambda side, one=one: serving.observe(one, side) for one in CONFIGURATIONS]
    groups = [group for group in commands.GROUPS if not group.is_served]
    return servers + [lambda side, one=one: commands.observe(one, side, old) for one in groups]


def _live(group: Group, old: Side, new: Side) -> tuple[Findings, Findings]:
    """Runs against real servers, by themselves; a difference must be seen each time, for they depend on time."""
    for _ in range(ATTEMPTS):
        found = commands.observe(group, old, old), commands.observe(group, new, old)
        if found[0] == found[1]:
            break
    return found


def _difference(old: str, new: str) -> str:
    """A short unified diff of one case."""
    lines = list(difflib.unified_diff(old.split("\n"), new.split("\n"), n=1, lineterm=""))[2:]
    lines = [line[:LINE_LEN_MAX] for line in lines if not line.startswith("@@")]
    hidden = len(lines) - DIFF_LINES_MAX
    more = [f"... {hidden} lines more"] if hidden > 0 else []
    return "\n".join([*lines[:DIFF_LINES_MAX], *more])


def _report(differences: dict[str, list[str]]) -> list[str]:
    """The names of the cases that differ in the same way, and how."""
    faults = []
    for difference, names in differences.items():
        more = [f"=== and {len(names) - NAMES_MAX} cases more"] if len(names) > NAMES_MAX else []
        faults.append("\n".join([*(f"=== {name}" for name in names[:NAMES_MAX]), *more, difference]))
    return faults


def _judge(old: Findings, new: Findings, word: str) -> list[str]:
    """The differences that nobody intended, and the intended ones that do not occur."""
    used: set[Intended] = set()
    differences: dict[str, list[str]] = {}
    for name in sorted(old.keys() | new.keys(), key=str.lower):
        before, after = old.get(name, "(no such case)"), new.get(name, "(no such case)")
        if not texts.differ(before, after):
            continue
        reasons = [entry for entry in INTENDED if entry.allows(name, after)]
        used.update(reasons)
        if not reasons and word in name:
            differences.setdefault(_difference(before, after), []).append(name)
    missing = [entry for entry in INTENDED if entry not in used and not word]
    unused = [f"=== not seen, though intended: {entry.name} ({entry.why})" for entry in missing]
    unused += [f"=== not seen, though changed: {text}" for text in texts.unseen(list(old.values())) if not word]
    return _report(differences) + unused


def _compare(old_dir: Path, new_dir: Path, word: str, work: Path) -> int:
    site = work / "site"
    tree.build(site, work / "outside.txt")
    work.chmod(0o755)
    # What was changed a moment ago has fewer validators, and might have them in one response only.
    time.sleep(SETTLE_SECS)
    old, new = (_side(name, source, work, site) for name, source in (("old", old_dir), ("new", new_dir)))
    found: tuple[Findings, Findings] = ({}, {})
    with ThreadPoolExecutor(JOBS) as pool:
        running = [[pool.submit(job, side) for side in (old, new)] for job in _jobs(old)]
        results = [[future.result() for future in futures] for futures in running]
    results += [list(_live(group, old, new)) for group in commands.GROUPS if group.is_served]
    for pair in results:
        for findings, more in zip(found, pair, strict=True):
            findings.update(more)
    faults = _judge(*found, word)
    print("\n".join(faults), end="\n" if faults else "")
    requests = serving.requests_sent(found[1])
    lines = commands.lines_run(found[1])
    print(f"{requests} requests, {lines} command lines, {len(found[1])} cases: {len(faults)} differences")
    return 1 if faults else 0


def main(args: list[str]) -> int:
    """The exit code."""
    directories = [Path(arg) for arg in args[:2]]
    if len(args) not in (2, 3) or not all((one / program).is_file() for one in directories for program in PROGRAMS):
        print(__doc__, file=sys.stderr)
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reactor-differential-") as work:
        code = _compare(directories[0], directories[1], args[2] if len(args) == 3 else "", Path(work))
    print(f"{time.monotonic() - began:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
