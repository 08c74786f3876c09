"""Listings find their rows: every filter and every order has an index."""

from __future__ import annotations

import pytest
from sqlalchemy import UniqueConstraint

from phee.stores.relational.listings import BATCHES, LISTINGS, ListedTable


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda one: one.table.name)
def test_every_filter_leads_an_index(listing: ListedTable) -> None:
    table = listing.table
    groups = [list(index.columns) for index in table.indexes]
    groups += [list(one.columns) for one in table.constraints if isinstance(one, UniqueConstraint)]
    leading = {group[0].key for group in groups}
    assert {*listing.equal, listing.time} <= leading


def test_an_unknown_filter_is_a_fault_of_the_caller() -> None:
    assert len(BATCHES.conditions({"batch_id": "b", "status": None, "start_from": 3})) == 2
    with pytest.raises(KeyError):
        BATCHES.conditions({"colour": "red"})
