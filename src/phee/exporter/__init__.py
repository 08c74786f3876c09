"""The exporter: watches over those who read the record log, and slows intake for the slow.

In the embedded runtime consumers read the log themselves (:mod:`phee.stream`); what is left to do
is to know how far each is, to let go of the ones that are switched off, and to act before the log
fills the disk.
"""

from phee.exporter.watch import ConsumerLag, ConsumerWatch, IntakeAdvice, WatchLimits

__all__ = ["ConsumerLag", "ConsumerWatch", "IntakeAdvice", "WatchLimits"]
