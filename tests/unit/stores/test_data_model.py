"""The page and picture of the data model are those of the tables."""

from __future__ import annotations

import runpy
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from phee.stores.relational import tables
from phee.stores.relational.meanings import (
    AREAS,
    COMMON,
    OWN,
    TABLES,
    meaning,
    relations,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts/draw_data_model.py"))


def test_the_files_are_up_to_date(script: dict[str, Any]) -> None:
    for path, make in (("data-model.md", "markdown"), ("data-model.svg", "picture")):
        written = (ROOT / "docs" / path).read_text()
        assert written == script[make](), "run make data-model"


def test_every_table_and_column_has_a_meaning() -> None:
    assert set(TABLES) == set(tables.metadata.tables)
    assert sorted(name for area in AREAS for name in area.tables) == sorted(TABLES)
    for name, table in tables.metadata.tables.items():
        for column in table.columns:
            assert meaning(name, column.key)


def test_no_meaning_is_of_something_that_is_gone() -> None:
    columns = {
        (name, column.key) for name, table in tables.metadata.tables.items() for column in table.c
    }
    for place in OWN:
        assert tuple(place.split(".")) in columns
    assert set(COMMON) <= {column for _, column in columns}


def test_relations_are_between_columns_that_exist() -> None:
    for relation in relations():
        assert relation.column in tables.metadata.tables[relation.table].c
        assert relation.of in tables.metadata.tables


def test_the_picture_is_svg_with_every_column(script: dict[str, Any]) -> None:
    root = ET.fromstring(script["picture"]())
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for table in tables.metadata.tables.values():
        assert table.name in texts
        for column in table.columns:
            assert column.name in texts
