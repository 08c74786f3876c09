"""Interledger packets, conditions and fulfilments as FSPIOP (section 6.5 of its API definition).

The payee's FSP packs the transaction into an ILP payment packet. The fulfilment is a keyed hash of
the packet that only this FSP can make; the condition is its SHA-256, which everyone can check.
Nothing has to be stored: from the packet in a transfer both follow again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from decimal import Decimal, InvalidOperation
from functools import lru_cache

import msgspec
from iso4217 import Currency

from phee.connectors.channel_request import Amount, Party, TransactionType
from phee.errors import InvalidInput

_PAYMENT = 1
_UINT64 = 2**64
_NO_EXTENSIONS = b"\x00"


class Transaction(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a packet carries."""

    transaction_id: str
    quote_id: str = ""
    payee: Party | None = None
    payer: Party | None = None
    amount: Amount | None = None
    transaction_type: TransactionType | None = None


class Ilp:
    """Conditions and fulfilments under the keys of this hub's tenants."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._key = lru_cache(maxsize=10_000)(self._derive_key)

    def fulfilment(self, tenant_id: str, packet: str) -> str:
        """What proves that this FSP accepts the transfer with this packet (32 bytes, base64url)."""
        return _base64url(self._preimage(tenant_id, packet))

    def condition(self, tenant_id: str, packet: str) -> str:
        """What the fulfilment will be checked against."""
        return _base64url(hashlib.sha256(self._preimage(tenant_id, packet)).digest())

    def _preimage(self, tenant_id: str, packet: str) -> bytes:
        return hmac.digest(self._key(tenant_id), packet.encode(), "sha256")

    def _derive_key(self, tenant_id: str) -> bytes:
        return hmac.digest(self._secret, tenant_id.encode(), "sha256")


def minor_units(amount: Amount) -> int:
    """An amount as the whole number a packet carries.

    Raises:
        InvalidInput: no amount, or no currency.
    """
    try:
        exact = Decimal(amount.amount).scaleb(_exponent(amount.currency))
        if exact != exact.to_integral_value() or not 0 < exact < _UINT64:
            raise ValueError("out of range, or too precise")
        return int(exact)
    except (InvalidOperation, ValueError) as error:
        raise InvalidInput(f"no amount to pay ({error})", where="amount") from None


@lru_cache(maxsize=256)
def _exponent(currency: str) -> int:
    return Currency(currency).exponent or 0


def pack(transaction: Transaction, amount_minor: int, address: str) -> str:
    """An ILP payment packet (base64url): type, length, amount, address, data, no extensions."""
    data = _base64url(_encode(transaction)).encode()
    content = b"".join(
        (
            amount_minor.to_bytes(8),
            _length(len(address)),
            address.encode("ascii"),
            _length(len(data)),
            data,
            _NO_EXTENSIONS,
        )
    )
    return _base64url(bytes([_PAYMENT]) + _length(len(content)) + content)


def unpack(packet: str) -> Transaction:
    """The transaction in an ILP payment packet.

    Raises:
        InvalidInput: it is no such packet.
    """
    try:
        content = _from_base64url(packet)
        if content[0] != _PAYMENT:
            raise ValueError("not a payment")
        _, at = _read_length(content, 1)
        address_length, at = _read_length(content, at + 8)
        data_length, at = _read_length(content, at + address_length)
        data = content[at : at + data_length].decode("ascii")
        return _decode(_from_base64url(data))
    except (ValueError, IndexError, binascii.Error, msgspec.DecodeError) as error:
        raise InvalidInput(f"no ILP payment packet ({error})", where="ilpPacket") from None


def _length(length: int) -> bytes:
    """A length as OER writes it: one byte, or the number of bytes and then these."""
    if length < 128:
        return bytes([length])
    size = (length.bit_length() + 7) // 8
    return bytes([128 | size]) + length.to_bytes(size)


def _read_length(content: bytes, at: int) -> tuple[int, int]:
    first = content[at]
    if first < 128:
        return first, at + 1
    end = at + 1 + (first & 127)
    return int.from_bytes(content[at + 1 : end]), end


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Transaction).decode
