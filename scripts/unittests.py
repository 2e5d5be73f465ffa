#!/usr/bin/env python3
"""Runs the unittest suites of a folder and writes a JUnit XML file:  unittests.py FOLDER XML

Plain python3 is enough, so that the command line is tested where nothing can be downloaded."""
import os
import sys
import unittest
import xml.etree.ElementTree as ET


class Recorder(unittest.TextTestResult):
    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.cases = []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.cases.append((test.id(), None, ""))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.cases.append((test.id(), "failure", str(err[1])))

    def addError(self, test, err):
        super().addError(test, err)
        self.cases.append((test.id(), "error", str(err[1])))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.cases.append((test.id(), "skipped", reason))
        print("skipped: %s: %s" % (test.id(), reason))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.cases.append((subtest.id(), "failure", str(err[1])))


def main():
    folder, out = map(os.path.abspath, sys.argv[1:])  # tests may go to other folders
    sys.path.insert(0, folder)
    result = unittest.TextTestRunner(resultclass=Recorder, stream=sys.stdout, verbosity=1).run(
        unittest.defaultTestLoader.discover(folder))
    suite = ET.Element("testsuite")
    for name, kind, message in result.cases:
        case = ET.SubElement(suite, "testcase", name=name)
        if kind:
            ET.SubElement(case, kind, message="".join(c if c.isprintable() else " " for c in message[:2000]))
    ET.ElementTree(suite).write(out)
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
