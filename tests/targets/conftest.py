import pytest

import tools


def pytest_configure(config):
    if not tools.PROGRAM.exists():
        pytest.exit("%s is not there: build it first (cmake --build --preset release)" % tools.PROGRAM, returncode=2)


@pytest.fixture(scope="session")
def ours():
    program = tools.Ours()
    yield program
    program.close()
