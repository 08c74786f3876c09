"""The birth of a data directory: its format, its partition and its epoch, written once."""

from __future__ import annotations

import secrets

from phee.engine.rows import FORMAT_VERSION, decode_row, encode_row
from phee.engine.store import Store
from phee.errors import InvalidState


def birth(store: Store, partition_id: int, now: int) -> int:
    """Return the epoch of a data directory, giving a new one its own.

    Raises:
        InvalidState: it was made in another format, or for another partition.
    """
    row = store.get(b"Mbirth")
    if row is None:
        # the only randomness of the engine: a rebuilt directory must not look like this one
        epoch = secrets.randbits(63)
        store.put(b"Mbirth", encode_row((FORMAT_VERSION, partition_id, epoch, now)))
        store.flush()
        return epoch
    version, partition, epoch, _ = decode_row(row)
    if version != FORMAT_VERSION or partition != partition_id:
        raise InvalidState(
            f"the data directory has format {version} and partition {partition};"
            f" this engine reads format {FORMAT_VERSION} and runs partition {partition_id}",
            fix="open it with the version that made it, or choose another directory",
        )
    return int(epoch)
