"""Folds of several lanes as one: nothing of what another one knows is asked of the store only."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from business_stream import CalledInstance
from record_stream import Instance, RecordWriter

from phee.projections.happening_rows import VARIABLE_HISTORY
from phee.projections.interest import INTENT_BITS, RELATIONAL_INTEREST
from phee.projections.joined_fold import JoinedFold, joined
from phee.projections.relational import RelationalFold
from phee.projections.routing import Route
from phee.projections.rows import PROCESS_INSTANCES, VARIABLES, VariableRow
from phee.records import Record

ROUTE = Route("rhino", "some-flow", None)


def fold_of(records: list[Record], epoch: int = 1) -> RelationalFold:
    folded = RelationalFold(epoch)
    for record in records:
        if (
            record.is_event
            and record.value_type << INTENT_BITS | record.intent in RELATIONAL_INTEREST
        ):
            folded.apply(record, ROUTE)
    return folded


def rows_of(fold: Any, target: Any) -> list[Any]:
    return list(dict(fold.changes())[target])


def test_every_table_has_the_rows_of_all() -> None:
    writer = RecordWriter()
    one, other = Instance(writer), Instance(writer)
    folds = [fold_of(one.start(amount="1")), fold_of(other.start(amount="2"))]
    both = JoinedFold(folds)
    assert [target for target, _ in both.changes()] == [target for target, _ in folds[0].changes()]
    assert {row.process_instance_key for row in rows_of(both, PROCESS_INSTANCES)} == {
        one.key,
        other.key,
    }
    assert sorted(row.value for row in rows_of(both, VARIABLES)) == ['"1"', '"2"']


def test_epochs_are_kept_apart() -> None:
    writer = RecordWriter()
    records = [Instance(writer).start() for _ in range(3)]
    folds = [fold_of(its, epoch) for its, epoch in zip(records, (1, 2, 1), strict=True)]
    assert [fold.epoch for fold in joined(folds)] == [1, 2]
    assert joined(folds[:1]) == folds[:1]
    with pytest.raises(AssertionError):
        JoinedFold(folds)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_replaced_value_is_kept_whichever_lane_has_it(order: tuple[int, ...]) -> None:
    instance = Instance(RecordWriter())
    pieces = [instance.start(note="first"), [instance.variable("note", "second")]]
    pieces.append([instance.variable("note", "third")])
    both = JoinedFold([fold_of(pieces[number]) for number in order])
    stored = VariableRow(1, 1, instance.key, "note", '"in the store"', 1, instance.key, 1)
    assert both.replaced_variables == {(instance.key, "note"): pieces[2][0].position}
    both.keep_replaced(stored)
    kept = {row.value for row in rows_of(both, VARIABLE_HISTORY)}
    assert kept == {'"in the store"', '"first"', '"second"'}


def test_a_called_instance_gets_the_root_that_another_lane_knows() -> None:
    writer = RecordWriter()
    top = Instance(writer, "top")
    middle = CalledInstance(writer, "middle", parent=top.key)
    bottom = CalledInstance(writer, "bottom", parent=middle.key)
    both = JoinedFold([fold_of(one.start()) for one in (top, middle, bottom)])
    assert both.called_by == {middle.key: top.key, bottom.key: middle.key}
    both.set_roots({})
    roots = {
        row.process_instance_key: row.root_process_instance_key
        for row in rows_of(both, PROCESS_INSTANCES)
    }
    assert roots == dict.fromkeys((top.key, middle.key, bottom.key), top.key)
