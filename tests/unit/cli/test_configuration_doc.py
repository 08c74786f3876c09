"""The page about the configuration names every setting there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from phee.cli.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_names_exactly_the_settings_there_are() -> None:
    named = set(re.findall(r"`(PHEE_[A-Z_]+)`", PAGE.read_text(encoding="utf-8")))
    assert named == {f"PHEE_{name.upper()}" for name in Settings.model_fields}
