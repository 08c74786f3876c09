"""The built-in functions, by family. ``registry`` declares them and fits their arguments."""

from phee.feel.builtins import numeric

__all__ = ["numeric"]
