"""The place in the tokens while parsing, with the names in scope and the bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from phee.feel.errors import EvaluationProblem, FeelSyntaxError
from phee.feel.lexer import Token, tokenize
from phee.feel.limits import NESTING_MAX, TREE_DEPTH_MAX
from phee.feel.names import NAME_SYMBOLS, KnownNames, join
from phee.feel.nodes import Node
from phee.feel.tree import depth_of

_T = TypeVar("_T")
_NAME_KINDS: Final = frozenset({"name", "keyword", "number"})
_AFTER_CLOSING_BRACKET: Final = frozenset(
    {"keyword:then", "keyword:else", "keyword:return", "keyword:satisfies", "keyword:and"}
    | {"keyword:or", "keyword:in", "keyword:instance", "keyword:between"}
)


class Cursor:
    """Reads tokens forward.

    Attributes:
        index: of the next token; may be set back.
        known: the names in scope here.
        members: the keys written so far; a path may name them, special characters and all.
    """

    def __init__(self, text: str, known: KnownNames) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.index = 0
        self.known = known
        self.members = KnownNames((), KnownNames())
        self._depth = 0
        self._brackets: list[str] = []
        self._steps_left = 200 + 40 * len(self.tokens)
        self._depths: dict[int, tuple[Node, int]] = {}

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.index]

    def peek(self, distance: int) -> Token:
        """A token further on (the end, beyond it)."""
        return self.tokens[min(self.index + distance, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Consume the next token."""
        token = self.tokens[self.index]
        if token.kind != "end":
            self.index += 1
        return token

    def at_end(self) -> bool:
        """Whether all is consumed."""
        return self.token.kind == "end"

    def at(self, text: str) -> bool:
        """Whether the next token is this symbol or keyword."""
        return self.token.text == text and self.token.kind in ("symbol", "keyword")

    def take(self, text: str) -> bool:
        """Consume this symbol or keyword if it is next."""
        if self.at(text):
            self.index += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Consume this symbol or keyword, or fail."""
        if not self.take(text):
            raise self.unexpected(f"'{text}'")

    def expect_end(self) -> None:
        """Fail unless all is consumed."""
        if not self.at_end():
            raise self.unexpected("an operator or the end")

    def unexpected(self, wanted: str) -> FeelSyntaxError:
        """An error that names what is here instead of what is wanted."""
        found = "the end" if self.at_end() else f"'{self.token.text[:40]}'"
        return self.error(f"expected {wanted}, found {found}", self.token)

    def error(self, problem: str, token: Token) -> FeelSyntaxError:
        """An error at a token."""
        return FeelSyntaxError(problem, self.text, token.start)

    def checked(self, make: Callable[[], _T], token: Token) -> _T:
        """What ``make`` gives, its problem turned into an error at the token."""
        try:
            return make()
        except EvaluationProblem as problem:
            raise self.error(str(problem), token) from None

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper, as far as the bound allows."""
        self._depth += 1
        self._steps_left -= 1
        if self._depth > 2 * NESTING_MAX:
            raise self.error(f"nested deeper than {NESTING_MAX} levels", self.token)
        if self._steps_left < 0:
            raise self.error("too ambiguous to be read; use fewer brackets", self.token)
        try:
            yield
        finally:
            self._depth -= 1

    @contextmanager
    def scope(self, names: Iterable[str]) -> Iterator[None]:
        """Names that are known inside only."""
        outer = self.known
        self.known = KnownNames(names, outer)
        try:
            yield
        finally:
            self.known = outer

    @contextmanager
    def inside(self, bracket: str) -> Iterator[None]:
        """Within a bracket, or (``..``) within the end of an interval."""
        self._brackets.append(bracket)
        try:
            yield
        finally:
            self._brackets.pop()

    def closes_interval(self) -> bool:
        """Whether the ``[`` that is next ends an interval rather than begins a filter."""
        if not self._brackets or self._brackets[-1] != "..":
            return False
        following = self.peek(1)
        if following.kind == "symbol":
            return following.text not in ("(", "[", "{", "-", "@", "<", "<=", ">", ">=")
        return (
            following.kind == "end"
            or f"{following.kind}:{following.text}" in _AFTER_CLOSING_BRACKET
        )

    def built(self, node: Node) -> Node:
        """The node itself, if the tree it makes is not too deep."""
        if depth_of(node, self._depths) > TREE_DEPTH_MAX:
            raise self.error(f"more than {TREE_DEPTH_MAX} operations in a row", self.token)
        return node

    # Names

    def variable_name(self) -> str:
        """A variable or function name: the longest known one, else adjacent words."""
        token = self.token
        if token.kind == "ticked":
            self.index += 1
            return token.text
        found = self.known.longest(self.tokens, self.index)
        words = self._adjacent_words()
        if found is not None and (found[1] >= words or found[1] > 1):
            self.index += found[1]
            return found[0]
        return self._take_words(words)

    def member_name(self) -> str:
        """The name after a dot: keywords are allowed as the first word."""
        token = self.token
        if token.kind == "ticked":
            self.index += 1
            return token.text
        if token.kind not in ("name", "keyword"):
            raise self.unexpected("a name after '.'")
        words = self._adjacent_words()
        found = max(
            (
                known.longest(self.tokens, self.index, member=True)
                for known in (self.known, self.members)
            ),
            key=lambda match: match[1] if match else 0,
        )
        if found is not None and found[1] > words:
            self.index += found[1]
            return found[0]
        return self._take_words(words)

    def _adjacent_words(self) -> int:
        """How many plain words stand side by side here, as in ``date of birth``."""
        count = 1
        while True:
            token = self.peek(count)
            if token.kind == "name":
                count += 1
            elif token.text == "of" and self.peek(count + 1).kind == "name":
                count += 2
            else:
                return count

    def _take_words(self, count: int) -> str:
        words = self.tokens[self.index : self.index + count]
        self.index += count
        return join(words)

    def new_name(self, stops: frozenset[str]) -> str:
        """A name that is being introduced: everything up to a stop."""
        token = self.token
        if token.kind == "ticked":
            self.index += 1
            return token.text
        start = self.index
        while self._may_continue_name() and self.token.text not in stops:
            self.index += 1
        if self.index == start or token.kind == "number":
            self.index = start
            raise self.unexpected("a name")
        return join(self.tokens[start : self.index])

    def key_name(self) -> str:
        """The key of a context entry: a name or a string."""
        if self.token.kind == "string":
            return self.advance().text
        return self.new_name(frozenset({":"}))

    def names_argument(self) -> bool:
        """Whether a name and a colon come next, as in ``f(name: value)``."""
        if self.token.kind not in ("name", "keyword", "ticked"):
            return False
        start = self.index
        try:
            while self._may_continue_name() or self.token.kind == "ticked":
                self.index += 1
            return self.at(":")
        finally:
            self.index = start

    def _may_continue_name(self) -> bool:
        token = self.token
        return token.kind in _NAME_KINDS or (token.kind == "symbol" and token.text in NAME_SYMBOLS)
