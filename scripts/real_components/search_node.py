"""What OpenSearch and Elasticsearch have in common when they run as one small node."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from real_components.component import Ports

PORTS = range(9201, 9300)
"""The only ports the runner takes."""


def runner_arguments(folder: Path, ports: Ports) -> list[str]:
    """Return the arguments of the runner; it adds the number of the node (1) to its base port."""
    return [
        *("-basePath", str(folder / "data"), "-numOfNode", "1", "-useLogger"),
        *("-clusterName", f"phee-{ports['http']}"),
        *("-baseHttpPort", str(ports["http"] - 1)),
    ]


def answers(port: int) -> bool:
    """Return whether the node has a master and can hold shards."""
    address = f"http://127.0.0.1:{port}/_cluster/health?wait_for_status=yellow&timeout=1s"
    try:
        with urllib.request.urlopen(address, timeout=3) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
