"""The README lists the settings as they are."""

from pathlib import Path

from booka_common.settings import settings_table
from booka_messaging.settings import Settings


def test_the_readme_has_the_settings_as_they_are() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    assert settings_table(Settings) in readme
