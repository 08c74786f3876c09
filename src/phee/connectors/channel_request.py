"""The request that started a payment, as far as connectors need it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from phee.errors import InvalidInput


class Amount(msgspec.Struct, frozen=True):
    """Decimal text and an ISO 4217 code."""

    amount: str
    currency: str

    def is_same(self, other: Amount) -> bool:
        """Whether both are the same money; ``12.5`` is ``12.50``."""
        try:
            return self.currency == other.currency and Decimal(self.amount) == Decimal(other.amount)
        except InvalidOperation:
            return False

    def without_trailing_zeros(self) -> Amount:
        """The form FSPIOP allows: ``12.5``, ``10``."""
        if "." not in self.amount:
            return self
        return Amount(self.amount.rstrip("0").rstrip("."), self.currency)


class PartyIdInfo(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Who a party is; ``fsp_id`` once it is known."""

    party_id_type: str
    party_identifier: str
    party_sub_id_or_type: str | None = None
    fsp_id: str | None = None


class Party(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One side of a payment."""

    party_id_info: PartyIdInfo
    name: str | None = None


class TransactionType(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What kind of payment it is, and who wants it."""

    scenario: str = msgspec.field(default_factory=lambda: "TRANSFER")
    initiator: str = msgspec.field(default_factory=lambda: "PAYER")
    initiator_type: str = msgspec.field(default_factory=lambda: "CONSUMER")


class ChannelRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The variable ``channelRequest``."""

    payer: Party
    payee: Party
    amount: Amount
    amount_type: str | None = None
    transaction_type: TransactionType | None = None
    note: str | None = None


def read_channel_request(text: str) -> ChannelRequest:
    """Read the variable ``channelRequest``.

    Raises:
        InvalidInput: it is not what the channel writes.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError as error:
        raise InvalidInput(str(error), where="variable channelRequest") from None


_decode = msgspec.json.Decoder(ChannelRequest).decode
