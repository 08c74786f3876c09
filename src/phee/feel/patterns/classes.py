"""Sets of characters: categories, blocks, escapes."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Final

CharacterSet = Callable[[str], bool]

_NAME_START: Final = (
    (":", ":"), ("A", "Z"), ("_", "_"), ("a", "z"), ("\u00c0", "\u00d6"), ("\u00d8", "\u00f6"),
    ("\u00f8", "\u02ff"), ("\u0370", "\u037d"), ("\u037f", "\u1fff"), ("\u200c", "\u200d"),
    ("\u2070", "\u218f"), ("\u2c00", "\u2fef"), ("\u3001", "\ud7ff"), ("\uf900", "\ufdcf"),
    ("\ufdf0", "\ufffd"), ("\U00010000", "\U000effff"),
)  # fmt: skip
_NAME_REST: Final = (
    ("-", "."), ("0", "9"), ("\u00b7", "\u00b7"), ("\u0300", "\u036f"), ("\u203f", "\u2040"),
)  # fmt: skip

_BLOCKS: Final[dict[str, tuple[int, int]]] = {
    "BasicLatin": (0x0000, 0x007F),
    "Latin-1Supplement": (0x0080, 0x00FF),
    "LatinExtended-A": (0x0100, 0x017F),
    "LatinExtended-B": (0x0180, 0x024F),
    "IPAExtensions": (0x0250, 0x02AF),
    "SpacingModifierLetters": (0x02B0, 0x02FF),
    "CombiningDiacriticalMarks": (0x0300, 0x036F),
    "Greek": (0x0370, 0x03FF),
    "GreekandCoptic": (0x0370, 0x03FF),
    "Cyrillic": (0x0400, 0x04FF),
    "Armenian": (0x0530, 0x058F),
    "Hebrew": (0x0590, 0x05FF),
    "Arabic": (0x0600, 0x06FF),
    "Syriac": (0x0700, 0x074F),
    "Thaana": (0x0780, 0x07BF),
    "Devanagari": (0x0900, 0x097F),
    "Bengali": (0x0980, 0x09FF),
    "Gurmukhi": (0x0A00, 0x0A7F),
    "Gujarati": (0x0A80, 0x0AFF),
    "Tamil": (0x0B80, 0x0BFF),
    "Telugu": (0x0C00, 0x0C7F),
    "Thai": (0x0E00, 0x0E7F),
    "Georgian": (0x10A0, 0x10FF),
    "HangulJamo": (0x1100, 0x11FF),
    "Ethiopic": (0x1200, 0x137F),
    "LatinExtendedAdditional": (0x1E00, 0x1EFF),
    "GreekExtended": (0x1F00, 0x1FFF),
    "GeneralPunctuation": (0x2000, 0x206F),
    "CurrencySymbols": (0x20A0, 0x20CF),
    "LetterlikeSymbols": (0x2100, 0x214F),
    "NumberForms": (0x2150, 0x218F),
    "Arrows": (0x2190, 0x21FF),
    "MathematicalOperators": (0x2200, 0x22FF),
    "BoxDrawing": (0x2500, 0x257F),
    "Hiragana": (0x3040, 0x309F),
    "Katakana": (0x30A0, 0x30FF),
    "CJKUnifiedIdeographs": (0x4E00, 0x9FFF),
    "HangulSyllables": (0xAC00, 0xD7A3),
    "PrivateUse": (0xE000, 0xF8FF),
}
_CATEGORY_NAMES: Final = """
    L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po
    Z Zs Zl Zp S Sm Sc Sk So C Cc Cf Co Cn
"""
_CATEGORIES: Final = frozenset(_CATEGORY_NAMES.split())


def within(ranges: tuple[tuple[str, str], ...]) -> CharacterSet:
    """The characters of closed ranges."""
    return lambda character: any(low <= character <= high for low, high in ranges)


def opposite(inner: CharacterSet) -> CharacterSet:
    """All other characters."""
    return lambda character: not inner(character)


def either(parts: list[CharacterSet]) -> CharacterSet:
    """The characters of any part."""
    if len(parts) == 1:
        return parts[0]
    return lambda character: any(part(character) for part in parts)


def without(base: CharacterSet, removed: CharacterSet) -> CharacterSet:
    """The characters of the first that the second does not have."""
    return lambda character: base(character) and not removed(character)


def any_case(inner: CharacterSet) -> CharacterSet:
    """The characters that are in the set in any case of theirs."""
    return lambda character: any(map(inner, case_variants(character)))


def same_in_any_case(wanted: str) -> CharacterSet:
    """The characters that differ from one in their case at most."""
    variants = case_variants(wanted)
    return lambda character: not variants.isdisjoint(case_variants(character))


def case_variants(character: str) -> frozenset[str]:
    """A character in lower and upper case, and what those have for their other case."""
    lower, upper = character.lower(), character.upper()
    variants = (character, lower, upper, lower.upper(), upper.lower())
    return frozenset(variant for variant in variants if len(variant) == 1)


def property_set(name: str) -> CharacterSet | None:
    r"""The characters of ``\p{name}``: a category, or ``Is`` and a block; None when unknown."""
    if name in _CATEGORIES:
        return lambda character: unicodedata.category(character).startswith(name)
    if name.startswith("Is") and name[2:] in _BLOCKS:
        low, high = _BLOCKS[name[2:]]
        return lambda character: low <= ord(character) <= high
    return None


def _word(character: str) -> bool:
    return unicodedata.category(character)[0] not in "PZC"


_initial: Final = within(_NAME_START)
_name: Final = within(_NAME_START + _NAME_REST)

ESCAPES: Final[dict[str, CharacterSet]] = {
    "d": lambda character: unicodedata.category(character) == "Nd",
    "s": lambda character: character in " \t\n\r",
    "w": _word,
    "i": _initial,
    "c": _name,
}
ESCAPES.update({letter.upper(): opposite(inner) for letter, inner in tuple(ESCAPES.items())})
"""Multi-character escapes; the upper case letter is the opposite."""


def word_character(character: str) -> bool:
    r"""Whether ``\w`` has it: what ``\b`` looks at."""
    return _word(character)
