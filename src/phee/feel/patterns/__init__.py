r"""Regular expressions of XPath, as ``matches``, ``replace``, ``split`` and ``extract`` use them.

An engine of our own, for two reasons: Python's knows neither the categories (``\p{Lu}``) nor the
class subtraction of XPath, and it cannot be stopped. This one counts its steps.
"""

from phee.feel.patterns.machine import Match, Pattern, compile_pattern

__all__ = ["Match", "Pattern", "compile_pattern"]
