"""The records that a real Zeebe's exporter writes to Kafka, read with Kafka's own consumer."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from zeebe_compare.scenario import Json


class KafkaFeed:
    """Reads one topic from its beginning in a thread. Use as a context manager."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._records: list[Json] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def read(self) -> Sequence[Json]:
        """Return every record seen so far, in position order."""
        return list(self._records)

    def _run(self) -> None:
        assert self._process.stdout is not None
        last = 0
        for line in self._process.stdout:
            record = json.loads(line)
            if record["position"] > last:  # the exporter may repeat after a failure
                last = record["position"]
                self._records.append(record)
