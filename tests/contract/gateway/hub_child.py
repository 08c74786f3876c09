"""An engine with its gateway in a process of its own, for clients under test.

Prints ``listening on PORT`` when ready; ends cleanly on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

import uvloop

from phee.engine import Engine
from phee.gateway.server import GatewayServer


async def main(data: Path, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engine = Engine.open(data)
    await engine.start()
    gateway = GatewayServer(engine, port=port, tenant_known={"rhino", "gorilla"}.__contains__)
    await gateway.start()
    print(f"listening on {gateway.port}", flush=True)
    await stop.wait()
    await gateway.stop()
    await engine.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.data, arguments.port))
