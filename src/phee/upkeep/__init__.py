"""Looking after the stores: prove them against the log, rebuild them, take data out of them.

Everything here works beside a running hub and reads the log as an onlooker: nothing is kept or
acknowledged for it. :mod:`phee.upkeep.verification` proves, :mod:`phee.upkeep.rebuilding` replaces,
:mod:`phee.upkeep.deadletters` mends single payments, :mod:`phee.upkeep.exporting` hands rows out.
"""
