"""From tokens to the syntax tree: precedence climbing, one token of look-ahead mostly.

From loose to tight: ``or``, ``and``, comparisons (with ``between`` and ``in``), ``+ -``,
``* /``, ``**``, unary minus, ``instance of``, then paths, filters and calls. Operators of one
level associate to the left. Nesting and the number of parse steps are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from phee.feel import nodes
from phee.feel.cursor import Cursor
from phee.feel.errors import FeelSyntaxError
from phee.feel.literals import LITERAL_KEYWORDS, at_literal
from phee.feel.names import KnownNames
from phee.feel.nodes import Node
from phee.feel.numbers import parse_number
from phee.feel.parse_types import parse_type
from phee.feel.types import ANY, Type

_OR, _AND, _COMPARE, _ADD, _MULTIPLY, _POWER, _TIGHT = range(1, 8)
_BINARY: Final = {
    "or": _OR,
    "and": _AND,
    "=": _COMPARE,
    "!=": _COMPARE,
    "<": _COMPARE,
    "<=": _COMPARE,
    ">": _COMPARE,
    ">=": _COMPARE,
    "between": _COMPARE,
    "in": _COMPARE,
    "+": _ADD,
    "-": _ADD,
    "*": _MULTIPLY,
    "/": _MULTIPLY,
    "**": _POWER,
}
_COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
_CALLABLE_KEYWORDS: Final = frozenset({"and", "or"})


class Parser:
    """Parses one text."""

    def __init__(self, text: str, known: KnownNames, types: Mapping[str, Type]) -> None:
        self.cursor = Cursor(text, known)
        self._types = types
        self._prefixes: dict[str, Callable[[], Node]] = {
            "if": self._if,
            "for": self._for,
            "some": lambda: self._quantified(every=False),
            "every": lambda: self._quantified(every=True),
            "function": self._function,
            "(": self._parenthesis,
            "[": self._bracket,
            "]": self._open_interval,
            "{": self._context,
            "-": self._negation,
            "@": self._at,
        }

    def whole_expression(self) -> Node:
        """The text as one expression."""
        node = self.expression()
        self.cursor.expect_end()
        return node

    def whole_unary_tests(self) -> Node:
        """The text as unary tests: ``-``, ``not(...)`` or tests separated by commas."""
        cursor = self.cursor
        if cursor.at_end():
            return nodes.UnaryTests(())
        if cursor.at("-") and cursor.peek(1).kind == "end":
            return nodes.UnaryTests(())
        negated = self._negated_tests()
        if negated is not None:
            return negated
        tests = self._tests()
        cursor.expect_end()
        return nodes.UnaryTests(tests)

    def _negated_tests(self) -> Node | None:
        """``not(...)`` when it is the whole text, else nothing is consumed."""
        cursor = self.cursor
        if not (cursor.token.text == "not" and cursor.peek(1).text == "("):
            return None
        start = cursor.index
        cursor.advance()
        cursor.advance()
        try:
            tests = self._tests()
            cursor.expect(")")
            cursor.expect_end()
        except FeelSyntaxError:
            cursor.index = start
            return None
        return nodes.UnaryTests(tests, negated=True)

    def _tests(self) -> tuple[Node, ...]:
        tests = [self._test()]
        while self.cursor.take(","):
            tests.append(self._test())
        return tuple(tests)

    def _test(self, level: int = _OR) -> Node:
        """One positive unary test: ``< endpoint`` or an expression."""
        operator = self.cursor.token.text
        if self.cursor.token.kind == "symbol" and operator in _COMPARISONS:
            self.cursor.advance()
            return self.cursor.built(nodes.Bound(operator, self.expression(_ADD)))
        return self.expression(level)

    def expression(self, level: int = _OR) -> Node:
        """An expression whose operators bind at least as tight as ``level``."""
        with self.cursor.nested():
            left = self._tight()
            while True:
                token = self.cursor.token
                binding = 0 if token.kind in ("string", "ticked") else _BINARY.get(token.text, 0)
                if binding < level or binding == 0:
                    return left
                self.cursor.advance()
                left = self.cursor.built(self._binary(token.text, binding, left))

    def _binary(self, operator: str, binding: int, left: Node) -> Node:
        if operator == "between":
            low = self.expression(_ADD)
            self.cursor.expect("and")
            return nodes.Between(left, low, self.expression(_ADD))
        if operator == "in":
            return nodes.In(left, self._in_tests())
        right = self.expression(binding + 1)
        if operator in ("and", "or"):
            return self._logic(operator, binding, [left, right])
        if operator in _COMPARISONS:
            return nodes.Comparison(operator, left, right)
        return nodes.Arithmetic(operator, left, right)

    def _logic(self, operator: str, binding: int, operands: list[Node]) -> Node:
        """One flat node for a chain of the same operator."""
        while self.cursor.take(operator):
            operands.append(self.expression(binding + 1))
        return nodes.Logic(operator == "and", tuple(operands))

    def _in_tests(self) -> tuple[Node, ...]:
        """What follows ``in``: one test, or several in parentheses."""
        cursor = self.cursor
        start = cursor.index
        if cursor.take("("):
            tests = self._tests()
            if cursor.take(")") and (len(tests) > 1 or not self._continues()):
                return tests
            cursor.index = start
        return (self._test(_ADD),)

    def _continues(self) -> bool:
        """Whether the parenthesis just closed is only the beginning of an operand."""
        token = self.cursor.token
        return token.kind == "symbol" and token.text in ("..", ".", "[", "+", "-", "*", "/", "**")

    def _tight(self) -> Node:
        """A prefix with its ``instance of``, paths, filters and calls."""
        node = self._primary()
        while True:
            token = self.cursor.token
            if token.kind == "keyword" and token.text == "instance":
                self.cursor.advance()
                self.cursor.expect("of")
                node = nodes.InstanceOf(node, parse_type(self.cursor, self._types))
            elif token.kind != "symbol":
                return node
            elif token.text == ".":
                self.cursor.advance()
                node = nodes.Path(node, self.cursor.member_name())
            elif token.text == "[" and not self.cursor.closes_interval():
                node = self._filter(node)
            elif token.text == "(":
                node = self._call(node)
            else:
                return node
            self.cursor.built(node)

    def _primary(self) -> Node:
        token = self.cursor.token
        if token.kind in ("keyword", "symbol") and token.text in self._prefixes:
            with self.cursor.nested():
                return self._prefixes[token.text]()
        if token.kind == "number":
            self.cursor.advance()
            return nodes.Literal(self.cursor.checked(lambda: parse_number(token.text), token))
        if token.kind == "string":
            self.cursor.advance()
            return nodes.Literal(token.text)
        if token.kind in ("name", "ticked") or self._calls_keyword():
            return nodes.Name(self.cursor.variable_name())
        if token.text in LITERAL_KEYWORDS and token.kind == "keyword":
            self.cursor.advance()
            return nodes.Literal(LITERAL_KEYWORDS[token.text])
        raise self.cursor.unexpected("an expression")

    def _calls_keyword(self) -> bool:
        """``and(...)`` and ``or(...)`` are functions where an operand must come."""
        return self.cursor.token.text in _CALLABLE_KEYWORDS and self.cursor.peek(1).text == "("

    def _negation(self) -> Node:
        """``-e``; before digits the minus belongs to the number."""
        self.cursor.advance()
        token = self.cursor.token
        if token.kind == "number":
            self.cursor.advance()
            return nodes.Literal(self.cursor.checked(lambda: parse_number("-" + token.text), token))
        operand = self.expression(_TIGHT)
        return self.cursor.built(nodes.Negation(operand))

    def _at(self) -> Node:
        token = self.cursor.advance()
        literal = self.cursor.token
        if literal.kind != "string":
            raise self.cursor.unexpected("a string after @")
        self.cursor.advance()
        return nodes.Literal(self.cursor.checked(lambda: at_literal(literal.text), token))

    def _if(self) -> Node:
        self.cursor.advance()
        condition = self.expression()
        self.cursor.expect("then")
        then = self.expression()
        self.cursor.expect("else")
        return self.cursor.built(nodes.If(condition, then, self.expression()))

    def _for(self) -> Node:
        self.cursor.advance()
        with self.cursor.scope(()):
            iterators = self._iterators()
            self.cursor.expect("return")
            self.cursor.known.add("partial")
            return self.cursor.built(nodes.For(iterators, self.expression()))

    def _quantified(self, *, every: bool) -> Node:
        self.cursor.advance()
        with self.cursor.scope(()):
            iterators = self._iterators()
            self.cursor.expect("satisfies")
            return self.cursor.built(nodes.Quantified(every, iterators, self.expression()))

    def _iterators(self) -> tuple[nodes.Iterator, ...]:
        iterators = [self._iterator()]
        while self.cursor.take(","):
            iterators.append(self._iterator())
        return tuple(iterators)

    def _iterator(self) -> nodes.Iterator:
        name = self.cursor.new_name(frozenset({"in"}))
        self.cursor.expect("in")
        source = self.expression()
        end = self.expression() if self.cursor.take("..") else None
        self.cursor.known.add(name)
        return nodes.Iterator(name, source, end)

    def _function(self) -> Node:
        self.cursor.advance()
        self.cursor.expect("(")
        parameters: list[tuple[str, Type]] = []
        while not self.cursor.take(")"):
            if parameters:
                self.cursor.expect(",")
            name = self.cursor.new_name(frozenset({",", ":", ")"}))
            kind = parse_type(self.cursor, self._types) if self.cursor.take(":") else ANY
            parameters.append((name, kind))
        external = self.cursor.take("external")
        with self.cursor.scope(name for name, _ in parameters):
            body = self.expression()
        return self.cursor.built(nodes.FunctionNode(tuple(parameters), body, external))

    def _parenthesis(self) -> Node:
        """``(expression)``, ``(< 5)`` as a range, or an interval open at its start."""
        self.cursor.advance()
        with self.cursor.inside("("):
            node = self._test()
            if self.cursor.take(".."):
                return self._interval_end(node, included=False)
            self.cursor.expect(")")
            return node

    def _bracket(self) -> Node:
        """A list, or an interval closed at its start."""
        self.cursor.advance()
        items: list[Node] = []
        with self.cursor.inside("["):
            while not self.cursor.take("]"):
                if items:
                    self.cursor.expect(",")
                items.append(self._test())
                if len(items) == 1 and self.cursor.take(".."):
                    return self._interval_end(items[0], included=True)
        return self.cursor.built(nodes.ListNode(tuple(items)))

    def _open_interval(self) -> Node:
        self.cursor.advance()
        with self.cursor.inside("("):
            start = self.expression(_ADD)
            self.cursor.expect("..")
            return self._interval_end(start, included=False)

    def _interval_end(self, start: Node, *, included: bool) -> Node:
        with self.cursor.inside(".."):
            end = self.expression(_ADD)
        closing = self.cursor.token
        if closing.kind != "symbol" or closing.text not in ("]", ")", "["):
            raise self.cursor.unexpected("], ) or [ at the end of the interval")
        self.cursor.advance()
        return self.cursor.built(nodes.Interval(start, end, included, closing.text == "]"))

    def _context(self) -> Node:
        self.cursor.advance()
        entries: list[tuple[str, Node]] = []
        with self.cursor.scope(()), self.cursor.inside("{"):
            while not self.cursor.take("}"):
                if entries:
                    self.cursor.expect(",")
                entries.append(self._entry({key for key, _ in entries}))
        return self.cursor.built(nodes.ContextNode(tuple(entries)))

    def _entry(self, taken: set[str]) -> tuple[str, Node]:
        token = self.cursor.token
        key = self.cursor.key_name()
        if key in taken:
            raise self.cursor.error(f"the key '{key}' appears twice", token)
        self.cursor.expect(":")
        value = self.expression()
        self.cursor.known.add(key)
        self.cursor.members.add(key)
        return key, value

    def _filter(self, target: Node) -> Node:
        self.cursor.advance()
        with self.cursor.scope(("item",)), self.cursor.inside("["):
            test = self._test()
            self.cursor.expect("]")
        return nodes.Filter(target, test)

    def _call(self, function: Node) -> Node:
        self.cursor.advance()
        positional: list[Node] = []
        named: list[tuple[str, Node]] = []
        with self.cursor.inside("("):
            while not self.cursor.take(")"):
                if positional or named:
                    self.cursor.expect(",")
                self._argument(positional, named)
        return nodes.Call(function, tuple(positional), tuple(named))

    def _argument(self, positional: list[Node], named: list[tuple[str, Node]]) -> None:
        token = self.cursor.token
        if self.cursor.names_argument():
            name = self.cursor.new_name(frozenset({":"}))
            self.cursor.expect(":")
            named.append((name, self._test()))
        else:
            positional.append(self._test())
        if positional and named:
            raise self.cursor.error("arguments are either all named or all positional", token)


def parse(
    text: str, *, unary: bool, names: Iterable[str], types: Mapping[str, Type], builtins: KnownNames
) -> Node:
    """The syntax tree of a text.

    Raises:
        FeelSyntaxError: it is not an expression (or, with ``unary``, not unary tests).
    """
    parser = Parser(text, KnownNames(names, builtins), types)
    return parser.whole_unary_tests() if unary else parser.whole_expression()
