"""Names of several words: which runs of tokens are one name.

A name may contain spaces and the characters ``. / - ' + *``. Where a name is known (a built-in,
an entry of an enclosing context, a loop variable, or a name the caller gave) the longest known
one wins. Words that merely stand side by side are one name too, since nothing else they could
mean is an expression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from phee.feel.lexer import Token, tokenize

NAME_SYMBOLS: Final = frozenset("./-'’+*")
_Shape = tuple[str, ...]


@lru_cache(maxsize=4096)
def _shape(name: str) -> _Shape:
    """The tokens of a name: white space between them is no part of it."""
    return tuple(token.text for token in tokenize(name)[:-1])


class KnownNames:
    """Names in scope, scope within scope."""

    __slots__ = ("parent", "shapes", "words")

    def __init__(self, names: Iterable[str] = (), parent: KnownNames | None = None) -> None:
        self.parent = parent
        self.words: set[str] = set()
        self.shapes: dict[str, list[tuple[_Shape, str]]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Make a name known from here on."""
        if name in self.words:
            return
        self.words.add(name)
        shape = _shape(name)
        if shape:
            self.shapes.setdefault(shape[0], []).append((shape, name))

    def __contains__(self, name: str) -> bool:
        return any(name in scope.words for scope in self._scopes())

    def _scopes(self) -> Iterator[KnownNames]:
        scope: KnownNames | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def longest(
        self, tokens: list[Token], index: int, *, member: bool = False
    ) -> tuple[str, int] | None:
        """The longest known name that starts at a token, and its number of tokens.

        The outermost scope holds the built-in functions: they are no members, and those of
        several words count only where they are called.
        """
        best: tuple[str, int] | None = None
        for scope in self._scopes():
            builtin = scope.parent is None
            if builtin and member:
                break
            for shape, name in scope.shapes.get(tokens[index].text, ()):
                if (best is None or len(shape) > best[1]) and _fits(shape, tokens, index):
                    if builtin and len(shape) > 1 and not _is_called(tokens, index + len(shape)):
                        continue
                    best = (name, len(shape))
        return best


def _is_called(tokens: list[Token], index: int) -> bool:
    return index < len(tokens) and tokens[index].text == "("


def _fits(shape: _Shape, tokens: list[Token], index: int) -> bool:
    if index + len(shape) > len(tokens):
        return False
    return all(
        token.text == text and token.kind != "string"
        for text, token in zip(shape, tokens[index : index + len(shape)], strict=True)
    )


def join(tokens: list[Token]) -> str:
    """The name that tokens spell, with single spaces where the source had white space."""
    return "".join(
        (" " if token.spaced and index else "") + token.text for index, token in enumerate(tokens)
    )
