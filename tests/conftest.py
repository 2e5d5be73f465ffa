"""Options of all suites that pytest runs."""
import signal

import pytest

# A shell starts what runs in the background with Ctrl-C ignored, which Octavo would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also tests marked as taking long")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes or gigabytes; runs with --all only")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all"):
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in long]
        if long:
            config.hook.pytest_deselected(items=long)
