#!/usr/bin/env python3
"""Adds up JUnit XML files: prints "PASSED FAILED SKIPPED".  A file that cannot be read counts as one failure."""
import sys
import xml.etree.ElementTree as ET


def main():
    passed = failed = skipped = 0
    for path in sys.argv[1:]:
        try:
            root = ET.parse(path).getroot()
        except (OSError, ET.ParseError):
            failed += 1
            continue
        for case in root.iter("testcase"):
            if case.get("result") == "suppressed":  # a DISABLED_ test, which is left to --all
                continue
            kinds = {child.tag for child in case}
            if "failure" in kinds or "error" in kinds:
                failed += 1
            elif "skipped" in kinds or case.get("result") == "skipped":
                skipped += 1
            else:
                passed += 1
    print(passed, failed, skipped)


if __name__ == "__main__":
    main()
