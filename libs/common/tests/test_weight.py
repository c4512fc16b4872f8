"""What every service loads, in every process that it runs, is only what every service needs."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("heavy", ["cryptography", "pytest", "aiohttp"])
def test_the_machinery_does_not_load(heavy):
    code = f"import sys, booka_common.service, booka_common.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
