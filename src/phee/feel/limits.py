"""The bounds that keep an expression in a drawing from hanging or exhausting its host."""

from __future__ import annotations

from typing import Final

TEXT_CHARACTERS_MAX: Final = 100_000
"""Longest expression text."""

NESTING_MAX: Final = 60
"""Deepest nesting of brackets, functions and branches in the text."""

TREE_DEPTH_MAX: Final = 200
"""Deepest syntax tree: also counts long chains such as ``1 + 1 + 1 ...``."""

STEPS_MAX: Final = 250_000
"""Loop turns, calls and visited elements of one evaluation."""

CALL_DEPTH_MAX: Final = 60
"""Functions that may wait for each other at one time."""

STRING_CHARACTERS_MAX: Final = 1_000_000
"""Longest string an expression may build."""

CHARACTERS_PER_STEP: Final = 256
"""Characters read or built that count as one step."""

POWER_STEPS: Final = 30
"""What a power, logarithm or exponential costs: as long as so many plain steps."""

RESULT_VALUES_MAX: Final = 200_000
"""Most values (elements and entries, nested ones counted) in a result."""

RESULT_DEPTH_MAX: Final = 100
"""Deepest nesting of a result."""

PATTERN_INSTRUCTIONS_MAX: Final = 5_000
"""Largest regular expression, after counted repetitions are unrolled."""

PATTERN_MOVES_PER_STEP: Final = 2
"""Instructions of a regular expression that count as one step of the evaluation."""
