"""Points in time as requests write them: ISO 8601, or ``2025-12-31 23:59:59``; UTC when no zone."""

from __future__ import annotations

from datetime import UTC, datetime

from phee.web import FieldProblem, InvalidFields

_END_OF_SECOND_MS = 999


def from_ms(text: str | None, field: str) -> int | None:
    """Return the first ms of the point in time that parameter ``field`` names.

    Raises:
        InvalidFields: it is not a point in time; names the parameter.
    """
    return None if text is None else _to_ms(_parse(text, field))


def until_ms(text: str | None, field: str) -> int | None:
    """Return the last ms of it: a whole second reaches to its end, as it does in a listing.

    Raises:
        InvalidFields: it is not a point in time; names the parameter.
    """
    if text is None:
        return None
    moment = _parse(text, field)
    return _to_ms(moment) + (0 if moment.microsecond else _END_OF_SECOND_MS)


def _parse(text: str, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        fix = 'Send "2025-12-31 23:59:59" (UTC) or ISO 8601; write the + of a zone as %2B'
        problem = FieldProblem(f"query.{field}", "is not a point in time", fix)
        raise InvalidFields([problem]) from None


def _to_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
