"""The third-party engines phee scales out to, run as plain processes on loopback.

For tests and benches only. Nothing here needs root, containers or anything but the standard
library; what a component needs (Maven, a Java version) is looked for and named when it is missing.
"""
