"""Erasing a party from records and texts, by content alone.

Goal: the party is found in every form that texts give it, nothing else is touched, and the order
of erasures, or erasing again, makes no difference.
"""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from phee.errors import InvalidInput
from phee.projections.erasing import ALWAYS, Eraser, Erasure, erasure_of, read_identifier
from phee.projections.masking import default_personal_data, erased_token, is_erased
from phee.records import Record, RecordType, ValueType
from phee.records.types import JobIntent, VariableIntent
from phee.records.values import JobValue, VariableValue

KEY = bytes(range(32))
PARTY, OTHER = "27710101999", "27710102999"
TOKEN = erased_token(b"0123456789")
SEED = 20261202


def erasure(text: str, token: str = TOKEN, before_ms: int = ALWAYS) -> Erasure:
    return erasure_of(KEY, text, token, before_ms)


def eraser(*erasures: Erasure, is_masked: bool = False) -> Eraser:
    return Eraser(KEY, erasures or [erasure(PARTY)], default_personal_data(), is_masked=is_masked)


def erased(name: str, value: Any, by: Eraser | None = None) -> Any:
    return json.loads((by or eraser()).variable(name, json.dumps(value)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PARTY, TOKEN),
        (f"+{PARTY}", TOKEN),
        (f"no {PARTY}, sorry", f"no {TOKEN}, sorry"),
        (f"{PARTY}@bank.example", f"{TOKEN}@bank.example"),
        (f"{PARTY}-{PARTY}_{PARTY}", f"{TOKEN}-{TOKEN}_{TOKEN}"),
        (f"line\n{PARTY}", f"line\n{TOKEN}"),
        (f"1{PARTY} tx{PARTY} {PARTY}0", None),
        (OTHER, None),
        ("", None),
        (f'{{"at": [{PARTY}], "a": 1.50}}', f'{{"at":["{TOKEN}"],"a":1.50}}'),
        (f'{{"cut": "{PARTY}", "and', f'{{"cut": "{TOKEN}", "and'),
        (f'{{"cut\\n{PARTY}', f'{{"cut\\n{TOKEN}'),
    ],
)
def test_the_party_is_found_as_a_word_of_its_own(before: str, after: str | None) -> None:
    assert eraser().text("told", before) == (before if after is None else after)
    assert eraser().variable("told", json.dumps(before)) == json.dumps(
        before if after is None else after
    )


def test_a_text_keeps_its_form_where_it_can() -> None:
    text = json.dumps({"a": [1.50, PARTY], "b": json.dumps({"c": PARTY})}, indent=2)
    assert eraser().variable("any", text) == text.replace(PARTY, TOKEN)


def test_amounts_are_never_touched() -> None:
    value = {"amount": PARTY, "total_amount": int(PARTY), "at": {"amount": int(PARTY)}}
    assert erased("any", value) == value
    assert erased("amount", int(PARTY)) == int(PARTY)


def test_personal_values_of_the_same_person_go_and_those_of_others_stay() -> None:
    parties = {
        "payer": {
            "partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": PARTY, "fspIn": "rhino"},
            "name": "A",
            "personalInfo": {"complexName": {"firstName": "A"}, "dateOfBirth": "2000-01-01"},
        },
        "payee": {"partyIdInfo": {"partyIdentifier": OTHER}, "name": "B"},
        "flat": {"payerPartyId": PARTY, "payerName": "A", "payeeName": "B", "note": "rent"},
        "pairs": [{"key": "payeePartyId", "value": int(PARTY)}, {"key": "x", "value": 1}],
    }
    assert erased("request", parties) == {
        "payer": {
            "partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": TOKEN, "fspIn": "rhino"},
            "name": TOKEN,
            "personalInfo": {"complexName": {"firstName": TOKEN}, "dateOfBirth": TOKEN},
        },
        "payee": {"partyIdInfo": {"partyIdentifier": OTHER}, "name": "B"},
        "flat": {"payerPartyId": TOKEN, "payerName": TOKEN, "payeeName": "B", "note": "rent"},
        "pairs": [{"key": "payeePartyId", "value": TOKEN}, {"key": "x", "value": 1}],
    }


def test_a_short_identifier_is_looked_for_under_personal_names_alone() -> None:
    by = eraser(erasure("1001"))
    value = {"accountId": "1001", "accountNo": 1001, "step": 1001, "told": "account 1001"}
    expected = {"accountId": TOKEN, "accountNo": TOKEN, "step": 1001, "told": "account 1001"}
    assert erased("any", value, by) == expected


def test_other_kinds_of_identifiers() -> None:
    by = eraser(erasure("Jo.Doe+x@Bank.example"))
    assert by.text("told", "to <jo.doe+X@bank.example>!") == f"to <{TOKEN}>!"
    assert by.text("told", "to xjo.doe+x@bank.example") == "to xjo.doe+x@bank.example"


def test_where_all_is_masked_afterwards_only_the_identifier_itself_goes() -> None:
    value = [{"note": f"for {PARTY}", "told": f"for {PARTY}"}, {"accountId": f"+{PARTY}"}]
    expected = [{"note": f"for {PARTY}", "told": f"for {TOKEN}"}, {"accountId": TOKEN}]
    assert erased("any", value, eraser(is_masked=True)) == expected


def record(at_ms: int, value: Any, value_type: ValueType, intent: int) -> Record:
    return Record(1, -1, 7, at_ms, int(RecordType.EVENT), int(value_type), intent, value)


def test_the_moment_of_a_record_decides() -> None:
    by = eraser(erasure(PARTY, before_ms=100), erasure(OTHER, "erased" + "b" * 16, before_ms=200))
    content = json.dumps([PARTY, OTHER])
    for at_ms, expected in (
        (99, [TOKEN, "erased" + "b" * 16]),
        (100, [PARTY, "erased" + "b" * 16]),
        (200, [PARTY, OTHER]),
    ):
        value = VariableValue("all", content, 1, 1)
        left = by.record(record(at_ms, value, ValueType.VARIABLE, VariableIntent.CREATED))
        assert json.loads(left.value.value) == expected  # type: ignore[attr-defined]
        assert value.value == content


def test_only_content_is_looked_at() -> None:
    value = JobValue(type=PARTY, element_id=PARTY, error_message=PARTY, variables={"a": [PARTY]})
    left: Any = eraser().record(record(1, value, ValueType.JOB, JobIntent.FAILED)).value
    assert (left.type, left.element_id) == (PARTY, PARTY)
    assert (left.error_message, left.variables) == (TOKEN, {"a": [TOKEN]})
    same = record(1, JobValue(type=PARTY), ValueType.JOB, JobIntent.FAILED)
    assert eraser().record(same) is same


# --- any content ---

PEOPLE = ("27710101999", "27710102999", "jo.doe@bank.example", "27710101999@bank.example", "1001")
NAMES = (
    "partyIdentifier", "payerPartyId", "payeeName", "name", "msisdn", "partyIdInfo", "told", "at",
    "amount", "personalInfo", "note",
)  # fmt: skip


def any_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(9 if depth < 4 else 5)
    person = rng.choice(PEOPLE)
    if kind == 0:
        return person
    if kind == 1:
        return rng.choice((True, None, 1, 12.5, int(PEOPLE[0]), 1001))
    if kind == 2:
        words = (person, rng.choice(PEOPLE), "sent", "+" + person, "x" + person, "é\n" + person)
        return rng.choice((" ", "-", "\n", '"', "\\")).join(rng.sample(words, 3))
    if kind == 3:
        return "+" + person
    if kind == 4:
        return ""
    if kind == 5:
        return json.dumps(any_value(rng, depth + 1))
    if kind == 6:
        return [any_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(NAMES): any_value(rng, depth + 1) for _ in range(rng.randrange(5))}


def meaning(value: Any) -> Any:
    """What JSON says, whatever its form; strings that hold objects and lists, too."""
    if isinstance(value, str):
        try:
            return meaning(msgspec.json.decode(value))
        except msgspec.DecodeError:
            return value
    if isinstance(value, dict):
        return {name: meaning(item) for name, item in value.items()}
    return [meaning(item) for item in value] if isinstance(value, list) else value


def strings(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [one for key, item in value.items() for one in strings(item, key)]
    if isinstance(value, list):
        return [one for item in value for one in strings(item, name)]
    return [(name, str(value))]


def test_one_after_the_other_is_the_same_as_all_at_once() -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    touched = 0
    for number in range(2_000):
        text = json.dumps(any_value(rng))
        people = rng.sample(PEOPLE, 3)
        erasures = [
            erasure(person, "erased" + "abc"[place] * 16, ALWAYS - 10 + place)
            for place, person in enumerate(people)
        ]
        at_once = eraser(*erasures).variable("value", text)
        in_turn = text
        for each in erasures:
            in_turn = eraser(each).variable("value", in_turn)
        left = meaning(at_once)
        assert meaning(in_turn) == left, (number, text)
        assert eraser(*erasures).variable("value", at_once) == at_once, (number, text)
        touched += at_once != text
        for name, content in strings(left):
            if name != "amount" and not content.startswith(("{", "[")):
                whole = content.removeprefix("+")
                assert whole not in [one for one in people if len(one) >= 6], (number, text)
    assert touched > 500


def test_an_identifier_is_checked_and_never_quoted() -> None:
    assert read_identifier(f" +{PARTY}\n") == PARTY
    for wrong in ("", "two words", 'a"b', "x" * 129, "-1", "é"):
        with pytest.raises(InvalidInput) as refused:
            read_identifier(wrong)
        assert not wrong or wrong not in str(refused.value).replace("x", "").replace("é", "é ")
    assert is_erased(TOKEN)
