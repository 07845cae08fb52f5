"""What the tests of faults share."""

import pytest

from tests.commands import commands_in


@pytest.fixture
def commands(tmp_path):
    with commands_in(tmp_path) as commands:
        yield commands
