"""Every refusal has a stable code, and the README names all of them."""

import re
from pathlib import Path
from typing import get_args

import booka_booking
from booka_booking.domain.conflicts import ConflictCode
from booka_booking.domain.explaining import ReasonCode

SOURCES = Path(booka_booking.__file__).parent
README = (SOURCES.parent.parent / "README.md").read_text()
NAMED = re.compile(r'\bcode="([a-z_]+)"|default_code = "([a-z_]+)"|^    "([a-z_]+)": "', re.MULTILINE)


def test_the_readme_names_every_code() -> None:
    codes = {*get_args(ConflictCode), *get_args(ReasonCode)}
    for path in SOURCES.rglob("*.py"):
        codes |= {code for found in NAMED.findall(path.read_text()) for code in found if code}
    assert len(codes) > 40
    # `wrong_state` is of the class: whoever raises it names another one. What is not there is `unknown_…`.
    missing = {code for code in codes if f"`{code}`" not in README and not code.startswith("unknown_")} - {
        "wrong_state"
    }
    assert not missing
