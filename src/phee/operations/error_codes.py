"""Error codes in answers: what an operator has written down about the code of a failed payment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from phee.operations.answers import ErrorMeaning, TransferAnswer
from phee.stores.relational.error_codes import ErrorCode
from phee.stores.relational.queries import RelationalReader


def explain(reader: RelationalReader, transfers: Sequence[TransferAnswer]) -> None:
    """Give every failed transfer the meaning of its error code, when that is known."""
    wanted = {id(one): code for one in transfers if (code := code_of(one.error_information))}
    if not wanted:
        return
    meanings = best(reader.error_codes(set(wanted.values())))
    for one in transfers:
        found = meanings.get(wanted.get(id(one), ""))
        if found is not None:
            one.error = ErrorMeaning(
                error_code=found.error_code,
                error_message=found.error_message,
                recoverable=found.recoverable,
            )


def code_of(information: Any) -> str:
    """Return the code inside an error, as upstream and FSPIOP put it ("": there is none)."""
    for holder in (
        information,
        information.get("errorInformation") if isinstance(information, dict) else None,
    ):
        code = holder.get("errorCode") if isinstance(holder, dict) else None
        if isinstance(code, str | int):
            return str(code)
    return ""


def best(codes: Sequence[ErrorCode]) -> dict[str, ErrorCode]:
    """Return one meaning a code: that for transfers, else that for every type."""
    order = {"TRANSFER": 2, "": 1}
    chosen: dict[str, ErrorCode] = {}
    for code in sorted(codes, key=lambda one: order.get(one.transaction_type, 0)):
        chosen[code.error_code] = code
    return chosen
