"""How far reading one Kafka partition has come, and what of it goes into a fetch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from phee.records import Block
from phee.records.record import BLOCK_VERSION
from phee.stream.kafka.address import KafkaAddress
from phee.stream.kafka.message import Content, MessageReader
from phee.stream.kafka.offsets import Bookmark, Bookmarks
from phee.stream.port import Chunk, Lane, Unreadable

if TYPE_CHECKING:
    from confluent_kafka import Message

BLOCK_RECORDS = 100
"""Records are cut into blocks of so many, so that each is timed by one of about its own age."""

Blocks = list[tuple[int, bytes | Block | Unreadable]]


class Gathering:
    """What one fetch has so far, by lane."""

    def __init__(self) -> None:
        self._blocks: dict[Lane, Blocks] = {}

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def add(self, lane: Lane, position: int, content: Content) -> None:
        """Take one message, later in its lane than all before."""
        blocks = self._blocks.get(lane)
        if blocks is None:
            blocks = self._blocks[lane] = []
        if isinstance(content, Unreadable):
            blocks.append((position, content))
            return
        last = blocks[-1][1] if blocks else None
        if isinstance(last, Block) and len(last.records) < BLOCK_RECORDS:
            block = last
            blocks[-1] = (position, block)
        else:
            block = Block(BLOCK_VERSION, lane.epoch, lane.partition_id, [])
            blocks.append((position, block))
        if content is not None:
            block.records.append(content)

    def blocks(self, lane: Lane) -> Blocks:
        """Return what there is of a lane."""
        return self._blocks.get(lane, [])


class PartitionProgress:
    """One Kafka partition as it is read from an offset on.

    Invariant: ``passed`` has, for every lane, the largest position before ``offset``, given out or
    not; who asks for less than that must be served from an earlier offset.

    Attributes:
        is_whole: nothing that a reader may need is known to have been deleted before the start.
        has_begun: something was read, so the consumer's place is no longer free to choose.
        end_offset: where the partition ended when its end was last met.
        committed: the offset last committed.
    """

    def __init__(
        self,
        address: KafkaAddress,
        topic: str,
        number: int,
        start: Bookmark,
        *,
        is_whole: bool,
    ) -> None:
        self._address = address
        self.topic = topic
        self.number = number
        self.offset = start.offset
        self.passed: dict[Lane, int] = dict(start.passed)
        self.bookmarks = Bookmarks(start)
        self.is_whole = is_whole
        self.has_begun = False
        self.committed = self._remembered = start.offset
        self.end_offset = 0
        name = address.lane_name(topic, number)
        self._reader = MessageReader(name, number, address.epoch)
        self._held: deque[Message] = deque()
        self._first_seen: dict[Lane, int] = {}

    @property
    def lanes(self) -> Iterable[Lane]:
        """The lanes met in this partition."""
        return self.passed.keys()

    @property
    def held_count(self) -> int:
        """How many messages wait for their lane to be asked for."""
        return len(self._held)

    def restart(self, offset: int, *, is_whole: bool) -> None:
        """Read from ``offset`` after all, as if nothing were known."""
        self.offset, self.is_whole = offset, is_whole
        self._remembered = offset
        lanes = list(self.passed)
        self.passed = dict.fromkeys(lanes, 0)
        self.bookmarks = Bookmarks(Bookmark(offset, {}))
        self._held.clear()
        self._first_seen.clear()

    def beginning_at(self, start: Bookmark) -> PartitionProgress:
        """Return the progress of another reading of this partition."""
        return PartitionProgress(
            self._address, self.topic, self.number, start, is_whole=self.is_whole
        )

    def hold(self, message: Message) -> None:
        """Keep a message until every lane of this partition is asked for."""
        self._held.append(message)

    def take(self, message: Message, after: Mapping[Lane, int], into: Gathering) -> None:
        """Take the next message, or hold it until its lane is asked for."""
        if self._held or not self._pass(message, after, into):
            self._held.append(message)

    def take_held(self, after: Mapping[Lane, int], into: Gathering) -> None:
        """Take what was held, as far as it is asked for now."""
        while self._held and self._pass(self._held[0], after, into):
            self._held.popleft()

    def skim(self, message: Message, after: Mapping[Lane, int], into: Gathering) -> None:
        """Take a message, passing over the lanes that are not asked for."""
        lane, position, content = self._reader.read(message)
        self._note(message, lane, position, content, after.get(lane), into)

    def first_position(self, lane: Lane) -> int:
        """Return what :class:`Chunk` calls so."""
        return 1 if self.is_whole else self._first_seen.get(lane, 1)

    def remember(self) -> None:
        """Make a bookmark of where reading has come to."""
        if self.offset != self._remembered:
            self._remembered = self.offset
            self.bookmarks.add(self.offset, self.passed)

    def is_asked_for(self, after: Mapping[Lane, int]) -> bool:
        """Whether every lane of this partition is asked for."""
        return all(lane in after for lane in self.passed)

    def _pass(self, message: Message, after: Mapping[Lane, int], into: Gathering) -> bool:
        lane, position, content = self._reader.read(message)
        if lane not in after:
            self.passed.setdefault(lane, 0)
            return False
        self._note(message, lane, position, content, after[lane], into)
        return True

    def _note(
        self,
        message: Message,
        lane: Lane,
        position: int,
        content: Content,
        after: int | None,
        into: Gathering,
    ) -> None:
        self.has_begun = True
        self.offset = (message.offset() or 0) + 1
        self._first_seen.setdefault(lane, position)
        if position > self.passed.get(lane, 0):
            self.passed[lane] = position
            if after is not None and position > after:
                into.add(lane, position, content)


def chunk_of(
    progress: PartitionProgress, lane: Lane, into: Gathering, at: int, waiting: int
) -> Chunk:
    """Return what a fetch has of a lane; ``waiting`` records are behind it."""
    blocks = into.blocks(lane)
    position = max(at, blocks[-1][0] if blocks else 0)
    return Chunk(lane, blocks, progress.first_position(lane), position + waiting)
