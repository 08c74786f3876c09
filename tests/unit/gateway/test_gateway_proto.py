"""Our interface file says what every client in the field says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyzeebe.proto import gateway_pb2 as theirs

from phee.gateway.methods import METHODS, SERVICE
from phee.gateway.proto import gateway_pb2 as ours

ROOT = Path(__file__).parents[3]


def _messages(container: Any, prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, message in container.items():
        found[prefix + name] = message
        found |= _messages(message.nested_types_by_name, f"{prefix}{name}.")
    return found


def _fields(message: Any) -> set[tuple[Any, ...]]:
    return {
        (
            field.name,
            field.number,
            field.type,
            field.is_repeated,
            field.has_presence,
            field.message_type.full_name if field.message_type else None,
            field.containing_oneof.name if field.containing_oneof else None,
        )
        for field in message.fields
    }


OURS = _messages(ours.DESCRIPTOR.message_types_by_name)
THEIRS = _messages(theirs.DESCRIPTOR.message_types_by_name)


def test_the_same_messages_exist() -> None:
    assert set(OURS) == set(THEIRS)
    assert len(OURS) == 61


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_every_field_has_its_number_and_type(name: str) -> None:
    assert _fields(OURS[name]) == _fields(THEIRS[name])


def test_the_same_calls_exist() -> None:
    service = theirs.DESCRIPTOR.services_by_name["Gateway"]
    assert service.full_name == SERVICE == "gateway_protocol.Gateway"
    assert {
        (m.name, m.input_type.full_name, m.output_type.full_name, m.server_streaming)
        for m in service.methods
    } == {
        (m.name, m.request.DESCRIPTOR.full_name, m.response.DESCRIPTOR.full_name, m.streams)
        for m in METHODS.values()
    }
    assert len(METHODS) == 21


def test_the_same_enum_values_exist() -> None:
    def values(descriptor: Any) -> dict[str, dict[str, int]]:
        partition = descriptor.message_types_by_name["Partition"]
        return {
            name: {value.name: value.number for value in enum.values}
            for name, enum in partition.enum_types_by_name.items()
        }

    assert values(ours.DESCRIPTOR) == values(theirs.DESCRIPTOR)


def test_the_generated_file_is_up_to_date(tmp_path: Path) -> None:
    """`make proto` would change nothing."""
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", "src", f"--python_out={tmp_path}"]
    subprocess.run([*command, "phee/gateway/proto/gateway.proto"], check=True, cwd=ROOT)
    made = (tmp_path / "phee/gateway/proto/gateway_pb2.py").read_text()
    made = made.replace("_descriptor_pool.Default()", "_descriptor_pool.DescriptorPool()")
    assert made == (ROOT / "src/phee/gateway/proto/gateway_pb2.py").read_text()
