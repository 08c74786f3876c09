"""``phee demo``: two banks, a scheme with faults, payments, and the proof that all adds up.

``world`` says who exists, ``traffic`` what is paid, ``settling`` waits for both stores, ``proof``
compares what came out with what was asked, ``report`` shows it, ``run`` puts them together.
"""

from phee.cli.demo.run import run_demo

__all__ = ["run_demo"]
