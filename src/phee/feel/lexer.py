"""From text to tokens.

Names of several words are put together by the parser, which knows what is in scope; the lexer
only notes whether white space came before a token. Comments vanish here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from phee.feel.errors import FeelSyntaxError
from phee.feel.limits import TEXT_CHARACTERS_MAX

_NAME_START: Final = (
    r"?A-Z_a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF"
    r"\u200C-\u200D\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD"
    r"\U00010000-\U000EFFFF"
)
_NAME_PART: Final = _NAME_START + r"0-9\u00B7\u0300-\u036F\u203F-\u2040"
_SPACE: Final = (
    r"\u0009-\u000D\u0020\u0085\u00A0\u1680\u180E\u2000-\u200B\u2028\u2029\u202F\u205F\u3000\uFEFF"
)

_TOKEN: Final = re.compile(
    rf"""
    (?P<space>[{_SPACE}]+|//[^\n]*|/\*.*?\*/)
    |(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<ticked>`[^`]+`)
    |(?P<name>[{_NAME_START}][{_NAME_PART}]*)
    |(?P<symbol>\*\*|\.\.|->|<=|>=|!=|.)
    """,
    re.VERBOSE | re.DOTALL,
)

_SIMPLE_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{6})|(.))", re.DOTALL)

_RESERVED: Final = """
    if then else for in return some every satisfies and or between instance of
    true false null function external
"""
KEYWORDS: Final = frozenset(_RESERVED.split())


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text.

    Attributes:
        kind: ``name``, ``ticked``, ``keyword``, ``number``, ``string``, ``symbol`` or ``end``.
        text: the piece; for strings and ticked names their content.
        start: offset in the source.
        spaced: white space or a comment came before.
    """

    kind: str
    text: str
    start: int
    spaced: bool


def tokenize(text: str) -> list[Token]:
    """All tokens of an expression, the last of kind ``end``.

    Raises:
        FeelSyntaxError: text too long, or a string or comment that does not end.
    """
    if len(text) > TEXT_CHARACTERS_MAX:
        raise FeelSyntaxError(f"longer than {TEXT_CHARACTERS_MAX} characters", text, 0)
    tokens: list[Token] = []
    position, spaced = 0, False
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None, "the last alternative takes any character"
        kind = match.lastgroup
        if kind == "space":
            spaced = True
        else:
            tokens.append(_token(str(kind), match, text, spaced))
            spaced = False
        position = match.end()
    tokens.append(Token("end", "", len(text), spaced))
    return tokens


def _token(kind: str, match: re.Match[str], text: str, spaced: bool) -> Token:
    raw, start = match.group(), match.start()
    if kind == "name" and raw in KEYWORDS:
        return Token("keyword", raw, start, spaced)
    if kind == "string":
        return Token("string", unescape(raw[1:-1], text, start), start, spaced)
    if kind == "ticked":
        return Token("ticked", raw[1:-1], start, spaced)
    if kind == "symbol":
        _refuse_unfinished(raw, text, start)
    return Token(kind, raw, start, spaced)


def _refuse_unfinished(raw: str, text: str, start: int) -> None:
    if raw == '"':
        raise FeelSyntaxError("string without closing quote", text, start)
    if raw == "`":
        raise FeelSyntaxError("name without closing back-tick", text, start)
    if text.startswith("/*", start):
        raise FeelSyntaxError("comment without end", text, start)


def unescape(body: str, text: str, start: int) -> str:
    r"""The content of a string literal; ``\uD83D\\uDC0E`` becomes one character."""
    if "\\" not in body:
        return body

    def replacement(match: re.Match[str]) -> str:
        four, six, other = match.groups()
        if other is not None:
            return _SIMPLE_ESCAPES.get(other, "\\" + other)
        code = int(four or six, 16)
        if code > 0x10FFFF:
            raise FeelSyntaxError(f"no character has the code {six}", text, start)
        return chr(code)

    return join_surrogates(_ESCAPE.sub(replacement, body))


def join_surrogates(text: str) -> str:
    """The same text with surrogate pairs as single characters; lone ones become U+FFFD."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
