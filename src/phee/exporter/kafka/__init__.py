"""The Kafka exporter: the record log, in order and without loss, into Kafka topics.

It is a consumer of the log like an importer, in a process of its own
(``python -m phee.exporter kafka``); :mod:`phee.exporter.kafka.control` is how others steer it.
"""
