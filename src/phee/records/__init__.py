"""The record: the contract between the transactional side and the data side.

Zeebe 8.5's exported record, field for field. Pure: no clock, no I/O, no import outside this
package.
"""

from phee.records.json_form import BROKER_VERSION, JsonRecord, from_json, read_json, to_json
from phee.records.record import Block, Record, StoredRecord, decode_block, encode_block, encode_rows
from phee.records.types import INTENTS, RecordType, RejectionType, ValueType
from phee.records.values import DEFAULT_TENANT, VALUES, RecordValue, value_class

__all__ = [
    "BROKER_VERSION",
    "DEFAULT_TENANT",
    "INTENTS",
    "VALUES",
    "Block",
    "JsonRecord",
    "Record",
    "RecordType",
    "RecordValue",
    "RejectionType",
    "StoredRecord",
    "ValueType",
    "decode_block",
    "encode_block",
    "encode_rows",
    "from_json",
    "read_json",
    "to_json",
    "value_class",
]
