"""Who takes part in the scheme, and whose customer a party is."""

from __future__ import annotations

from urllib.parse import urlsplit

from phee.errors import InvalidInput
from phee.simulators.journal import Journal
from phee.simulators.scheme import tables
from phee.simulators.scheme.messages import ParticipantSeed, PartySeed


class Directory:
    """Participants by FSP id, parties by type and identifier."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.callback_urls: dict[str, str] = dict(journal.read(tables.SELECT_PARTICIPANTS))
        self._parties: dict[tuple[str, str], str] = {
            (id_type, identifier): fsp_id
            for id_type, identifier, fsp_id in journal.read(tables.SELECT_PARTIES)
        }

    def fsp_of(self, id_type: str, identifier: str) -> str | None:
        """The FSP a party is a customer of."""
        return self._parties.get((id_type, identifier))

    def add_participants(self, seeds: list[ParticipantSeed]) -> None:
        """Add participants, or move their callbacks elsewhere.

        Raises:
            InvalidInput: a callback URL is not an HTTP URL.
        """
        for seed in seeds:
            parts = urlsplit(seed.callback_url)
            plain = seed.callback_url.isascii() and " " not in seed.callback_url
            known = parts.scheme in ("http", "https") and parts.hostname and plain
            if not known or not seed.fsp_id:
                raise InvalidInput(
                    "a participant needs an id and an http(s) callback URL", where=seed.fsp_id
                )
        for seed in seeds:
            url = seed.callback_url.rstrip("/")
            self.callback_urls[seed.fsp_id] = url
            self._journal.add(tables.UPSERT_PARTICIPANT, (seed.fsp_id, url))

    def add_parties(self, seeds: list[PartySeed]) -> None:
        """Add parties, or make them customers of another participant.

        Raises:
            InvalidInput: an FSP is no participant.
        """
        self.check_participants({seed.fsp_id for seed in seeds})
        for seed in seeds:
            self._parties[seed.party_id_type, seed.party_identifier] = seed.fsp_id
            self._journal.add(
                tables.UPSERT_PARTY, (seed.party_id_type, seed.party_identifier, seed.fsp_id)
            )

    def check_participants(self, fsp_ids: set[str]) -> None:
        """Refuse FSPs nobody registered.

        Raises:
            InvalidInput: one of them is no participant.
        """
        strangers = sorted(fsp_ids - self.callback_urls.keys())
        if strangers:
            raise InvalidInput(
                "not a participant of the scheme",
                where=strangers[0][:40] or "no FSP named",
                fix="Register it with POST /scheme/participants.",
            )
