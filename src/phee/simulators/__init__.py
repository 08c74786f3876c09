"""A core-banking ledger and a payment scheme to develop, test and demonstrate against.

Both run in one process behind one HTTP port. What they have answered is on disk: a ``kill -9``
loses no booking, no hold and no callback. Faults happen on demand (:mod:`phee.simulators.faults`).
They stand alone: of phee they import :mod:`phee.errors` and nothing else.
"""

from phee.simulators.config import FaultRates, SimulatorConfig
from phee.simulators.server import Simulators, run_simulators

__all__ = ["FaultRates", "SimulatorConfig", "Simulators", "run_simulators"]
