"""Folds of several lanes as one, for a store where every statement is a journey.

The lanes of one epoch know nothing of each other, and their records came in no common order. That
is no matter: a store decides by the positions of rows, so it takes the rows of all of them table by
table as well as fold by fold. Only what a fold asks of its store, another one may have instead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import permutations

from phee.projections.business_rows import BusinessTable
from phee.projections.relational import RelationalFold
from phee.projections.rows import RowChange, Target, VariableRow


class JoinedFold:
    """Several folds of one epoch, with the interface of one: ``phee.projections.relational``."""

    def __init__(self, folds: Sequence[RelationalFold]) -> None:
        self.epoch = folds[0].epoch
        assert all(fold.epoch == self.epoch for fold in folds), "folds of several epochs"
        self._folds = folds
        for fold, other in permutations(folds, 2):
            fold.meet(other)

    @property
    def touched_transfers(self) -> set[int]:
        """The instances whose transfer status must be worked out again."""
        return set().union(*(fold.touched_transfers for fold in self._folds))

    def touched_business(self, table: BusinessTable) -> set[int]:
        """The instances of ``table`` whose status must be worked out again."""
        return set().union(*(fold.touched_business(table) for fold in self._folds))

    @property
    def replaced_variables(self) -> Mapping[tuple[int, str], int]:
        """(scope key, name) of variables whose earlier value is to be kept, and its last end."""
        ends: dict[tuple[int, str], int] = {}
        for fold in self._folds:
            for key, end in fold.replaced_variables.items():
                ends[key] = max(end, ends.get(key, end))
        return ends

    def keep_replaced(self, row: VariableRow) -> None:
        """Take the value that the store has of a replaced variable into its history."""
        for fold in self._folds:
            fold.keep_replaced(row)

    @property
    def called_by(self) -> Mapping[int, int]:
        """The instances that call activities began, with the instances these belong to."""
        return {child: up for fold in self._folds for child, up in fold.called_by.items()}

    def set_roots(self, roots: Mapping[int, int]) -> None:
        """Give every called instance its root, from ``roots`` of instances that began before."""
        known = dict(roots)
        for fold in self._folds:
            fold.set_roots(known)
            known |= fold.roots

    def changes(self) -> list[tuple[Target, Collection[RowChange]]]:
        """Return the row changes, table by table, in the order a store applies them."""
        joined: dict[Target, list[RowChange]] = {}
        for fold in self._folds:
            for target, rows in fold.changes():
                joined.setdefault(target, []).extend(rows)
        return list(joined.items())


AnyFold = RelationalFold | JoinedFold
"""What a store can be given."""


def joined(folds: Sequence[RelationalFold]) -> list[AnyFold]:
    """Return one fold for each epoch among ``folds``."""
    by_epoch: dict[int, list[RelationalFold]] = {}
    for fold in folds:
        by_epoch.setdefault(fold.epoch, []).append(fold)
    return [its[0] if len(its) == 1 else JoinedFold(its) for its in by_epoch.values()]
