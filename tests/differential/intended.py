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


# For example: Intended("log JSON: access.log, line *", "U+00AD is escaped in JSON logs", "\\u00ad")
INTENDED: list[Intended] = []
