"""Fail unless every group of tests that had to run really ran.

    require_ran.py REPORT GROUP...        for example: require_ran.py junit.xml real_unleash

REPORT is what `pytest --junitxml` wrote. A group is a word in the tests' full names. A
skipped test looks green in pytest's closing line; here, a group that is missing, or of
which one test was skipped, is a failure.
"""

import sys

# The report was written a moment ago by our own pytest.
from xml.etree import ElementTree as ET


def complaints(report: str, groups: list[str]) -> list[str]:
    """List what is missing from `report`; nothing if all `groups` ran in full."""
    cases = [(_name(case), case) for case in ET.parse(report).iter("testcase")]  # noqa: S314
    found: list[str] = []
    for group in groups:
        members = {name: case for name, case in cases if group in name.lower()}
        if not members:
            found.append(f"{group}: no such test ran")
        found += [
            f"{group}: skipped {n}" for n, c in members.items() if c.find("skipped") is not None
        ]
    return found


def _name(case: ET.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}"


if __name__ == "__main__":
    missing = complaints(sys.argv[1], sys.argv[2:])
    if missing:
        sys.exit("\n".join(["error: tests that had to run did not:", *missing]))
    sys.stdout.write(f"ran in full: {', '.join(sys.argv[2:])}\n")
