#!/bin/sh
# Writes src/phee/gateway/proto/gateway_pb2.py and .pyi from gateway.proto.
# Needs grpcio-tools and mypy-protobuf (the dev extra). PYTHON names the interpreter.
set -eu
cd "$(dirname "$0")/.."
python="${PYTHON:-.venv/bin/python}"
file=phee/gateway/proto/gateway.proto
folder=src/phee/gateway/proto

PATH="$(dirname "$python"):$PATH" "$python" -m grpc_tools.protoc \
    -I src --python_out=src --mypy_out=src "$file"

# Zeebe clients register messages of the same full names in the default descriptor pool. A pool of
# our own lets both live in one interpreter.
sed -i 's/_descriptor_pool\.Default()/_descriptor_pool.DescriptorPool()/' "$folder/gateway_pb2.py"
grep -q '_descriptor_pool\.DescriptorPool()' "$folder/gateway_pb2.py"
