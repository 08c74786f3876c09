"""What a zeebe:// address says, and how it is refused; a connection over TLS."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import quote

import grpc
import pytest

from phee.errors import InvalidInput, Unavailable
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.zeebe import ZeebeClient, parse_zeebe_address


@pytest.mark.parametrize(
    ("address", "target", "epoch"),
    [
        ("zeebe://broker:26501", "broker:26501", 0),
        ("zeebe://broker", "broker:26500", 0),
        ("zeebe://broker/", "broker:26500", 0),
        ("zeebe://[::1]:26500?epoch=7", "[::1]:26500", 7),
        ("zeebe://[::1]", "[::1]:26500", 0),
        ("zeebe://127.0.0.1:1?tls=false&epoch=9223372036854775807", "127.0.0.1:1", 2**63 - 1),
    ],
)
def test_address(address: str, target: str, epoch: int) -> None:
    parsed = parse_zeebe_address(address)
    assert (parsed.target, parsed.epoch) == (target, epoch)
    assert parsed.credentials() is None
    assert str(parsed) == f"zeebe://{target}"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "kafka://broker:26500",
        "zeebe://",
        "zeebe://:26500",
        "zeebe://broker:0",
        "zeebe://broker:70000",
        "zeebe://broker:port",
        "zeebe://a b:1",
        "zeebe://one:1,two:2",
        "zeebe://user:secret@broker:26500",
        "zeebe://broker:26500/path",
        "zeebe://broker:26500?epoch=-1",
        "zeebe://broker:26500?epoch=9223372036854775808",
        "zeebe://broker:26500?epoch=\u0663",
        "zeebe://broker:26500?tls=yes",
        "zeebe://broker:26500?timeout=1",
        "zeebe://broker:26500?ca=/etc/hostname",
        "zeebe://broker:26500?tls=true&ca=/nowhere/ca.pem",
        "zeebe://broker:26500?tls=true&key=/etc/hostname",
    ],
)
def test_wrong_address(address: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_zeebe_address(address)
    assert "secret" not in str(refused.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = (folder / "certificate.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"]
    outputs = ["-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run([*command, *names, *outputs], check=True, capture_output=True)
    return files


async def _topology(_: pb.TopologyRequest, __: object) -> pb.TopologyResponse:
    return pb.TopologyResponse(partitionsCount=1)


async def test_tls(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    chain, key = (path.read_bytes() for path in certificate)
    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(
        _topology, pb.TopologyRequest.FromString, pb.TopologyResponse.SerializeToString
    )
    handler = grpc.method_handlers_generic_handler("gateway_protocol.Gateway", {"Topology": method})
    server.add_generic_rpc_handlers((handler,))
    credentials = grpc.ssl_server_credentials([(key, chain)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    trusted = f"?tls=true&ca={quote(str(certificate[0]))}"
    for settings, works in ((trusted, True), ("?tls=true", False), ("", False)):
        address = parse_zeebe_address(f"zeebe://127.0.0.1:{port}{settings}")
        client = ZeebeClient(address, tmp_path, tenant_known=bool, call_timeout_ms=3_000)
        if works:
            assert await client.trouble() == "partitions [1] have no leader"
        else:
            with pytest.raises(Unavailable):
                await client.trouble()
        await client.close()
    await server.stop(0)
