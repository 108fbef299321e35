"""Differences between the old and the new build that are intended: pattern of the case's name, reason.

Each entry must be seen in a run, or the run fails.
"""

INTENDED: list[tuple[str, str]] = []
