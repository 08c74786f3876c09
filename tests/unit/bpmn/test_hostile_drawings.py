"""Whatever bytes arrive, the answer is a model or InvalidBpmn, in bounded time and memory."""

from __future__ import annotations

import copy
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from phee import flows
from phee.bpmn import InvalidBpmn, Limits, Process, compile_bpmn

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'
MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
DRAWINGS = [resource.content for resource in flows.resources("rhino")]


def definitions(body: str) -> bytes:
    return f'<definitions xmlns="{MODEL}" id="d">{body}</definitions>'.encode()


def rules_of(content: bytes, **limits: int) -> set[str]:
    with pytest.raises(InvalidBpmn) as caught:
        compile_bpmn(content, "drawing.bpmn", Limits(**limits))
    assert str(caught.value).startswith("The drawing has ")
    return {problem.rule for problem in caught.value.problems}


BILLION = (
    HEAD
    + b'<!DOCTYPE lolz [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, (b"&%c;" % (97 + i)) * 10) for i in range(12))
    + b"]><definitions>&m;</definitions>"
)
EXTERNAL = b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><definitions>&x;</definitions>'
QUADRATIC = b'<!DOCTYPE d [<!ENTITY x "' + b"x" * 100_000 + b'">]><d>' + b"&x;" * 10_000 + b"</d>"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        pytest.param(b"", "empty-file", id="empty"),
        pytest.param(b" \n ", "empty-file", id="blank"),
        pytest.param(b"not xml", "not-xml", id="text"),
        pytest.param(b"<a><b></a>", "not-xml", id="unbalanced"),
        pytest.param(b"PK\x03\x04\xff", "not-utf-8", id="zip"),
        pytest.param(definitions("").decode().encode("utf-16"), "not-utf-8", id="utf-16"),
        pytest.param(b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "not-utf-8", id="latin-1"),
        pytest.param(definitions("\0"), "not-xml", id="nul"),
        pytest.param(definitions("&#0;"), "not-xml", id="nul-reference"),
        pytest.param(definitions("&nothing;"), "not-xml", id="unknown-entity"),
        pytest.param(BILLION, "document-type", id="billion-laughs"),
        pytest.param(EXTERNAL, "document-type", id="external-entity"),
        pytest.param(QUADRATIC, "document-type", id="quadratic-blow-up"),
        pytest.param(b"\xef\xbb\xbf" + EXTERNAL, "document-type", id="byte-order-mark"),
        pytest.param(
            HEAD + b"\n<!-- <x> --> <?pi ?>\n" + EXTERNAL, "document-type", id="doctype-late"
        ),
        pytest.param(
            b'<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd"><d/>',
            "document-type",
            id="external-dtd",
        ),
        pytest.param(b"<html/>", "not-bpmn", id="html"),
        pytest.param(definitions("<process id='p'/>"), "no-executable-process", id="drawn-only"),
    ],
)
def test_refused_by_its_bytes(content: bytes, rule: str) -> None:
    assert rules_of(content) == {rule}


def test_deep_nesting_is_refused() -> None:
    inner = "<subProcess id='s{0}'>"
    body = "".join(inner.format(i) for i in range(10_000)) + "</subProcess>" * 10_000
    content = definitions(f"<process id='p' isExecutable='true'>{body}</process>")
    assert rules_of(content) <= {"too-deep", "not-xml"}


def test_nesting_just_over_the_limit_is_named() -> None:
    content = b"<a>" * 65 + b"</a>" * 65
    assert rules_of(content) == {"too-deep"}


@pytest.mark.parametrize(
    ("content", "limits"),
    [
        (b"<a>" + b" " * 1000 + b"</a>", {"size_bytes": 500}),
        (b"<a>" + b"<b/>" * 100 + b"</a>", {"elements": 50}),
        (b"<a " + b" ".join(b"a%d='1'" % i for i in range(300)) + b"/>", {}),
    ],
    ids=["bytes", "elements", "attributes"],
)
def test_too_large(content: bytes, limits: dict[str, int]) -> None:
    assert rules_of(content, **limits) == {"too-large"}


def test_four_megabytes_of_elements_are_refused_fast() -> None:
    content = definitions("<process id='p' isExecutable='true'>" + "<task/>" * 550_000)
    begun = time.process_time()
    assert rules_of(content) == {"too-large"}
    assert time.process_time() - begun < 2


def test_a_long_comment_head_is_read_fast() -> None:
    content = HEAD + b"<!---->" * 200_000 + b" " * 1_000_000 + b"<a/>"
    begun = time.process_time()
    rules_of(content)
    assert time.process_time() - begun < 5


def test_a_long_chain_of_nodes_compiles_without_recursion() -> None:
    count = 8_000
    nodes = "".join(f"<task id='t{i}'/>" for i in range(count))
    links = "".join(
        f"<sequenceFlow id='f{i}' sourceRef='t{i}' targetRef='t{i + 1}'/>" for i in range(count - 1)
    )
    start = "<startEvent id='s'/><sequenceFlow id='f' sourceRef='s' targetRef='t0'/>"
    body = f"<process id='p' isExecutable='true'>{start}{nodes}{links}</process>"
    (process,) = compile_bpmn(definitions(body))
    assert len(process.elements) == count + 2


def test_thousands_of_problems_stay_readable() -> None:
    tasks = "".join(f"<serviceTask id='t{i}'/>" for i in range(5_000))
    with pytest.raises(InvalidBpmn) as caught:
        compile_bpmn(definitions(f"<process id='p' isExecutable='true'>{tasks}</process>"))
    assert len(caught.value.problems) == 5_001
    assert "and 4901 more" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000,
        "(" * 20_000 + "1" + ")" * 20_000,
        "1" + "+1" * 20_000,
        "-" * 20_000 + "1",
        "not(" * 5_000,
        "{a:" * 20_000,
        "if a then " * 5_000,
        '"' + "x" * 50_000,
    ],
    ids=["open", "nested", "sum", "minus", "not", "context", "if", "string"],
)
def test_hostile_expressions(text: str) -> None:
    start = "<startEvent id='s'/><exclusiveGateway id='g' default='a'/>"
    ends = "<endEvent id='e'/><endEvent id='f'/><sequenceFlow id='i' sourceRef='s' targetRef='g'/>"
    default = "<sequenceFlow id='a' sourceRef='g' targetRef='e'/>"
    escaped = text.replace("<", "&lt;")
    condition = f"<conditionExpression>={escaped}</conditionExpression>"
    other = f"<sequenceFlow id='b' sourceRef='g' targetRef='f'>{condition}</sequenceFlow>"
    body = f"<process id='p' isExecutable='true'>{start}{ends}{default}{other}</process>"
    begun = time.process_time()
    assert rules_of(definitions(body)) == {"expression"}
    assert time.process_time() - begun < 2


def test_no_file_is_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret")
    content = f'<!DOCTYPE d [<!ENTITY x SYSTEM "{secret.as_uri()}">]><d>&x;</d>'.encode()
    with pytest.raises(InvalidBpmn) as caught:
        compile_bpmn(content)
    assert "top secret" not in str(caught.value)


def outcome(content: bytes) -> list[Process] | InvalidBpmn:
    try:
        return compile_bpmn(content)
    except InvalidBpmn as error:
        return error


@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    outcome(content)


TAGS = [
    *("startEvent", "endEvent", "boundaryEvent", "exclusiveGateway", "eventBasedGateway"),
    *("subProcess", "callActivity", "receiveTask", "scriptTask", "task", "userTask", "process"),
    *("message", "timerEventDefinition", "messageEventDefinition", "errorEventDefinition"),
    *("sequenceFlow", "timeCycle", "timeDate", "script", "ioMapping", "input", "calledElement"),
    *("multiInstanceLoopCharacteristics", "extensionElements", "definitions", "lane", "robot"),
]
ATTRIBUTES = [
    *("sourceRef", "targetRef", "attachedToRef", "default", "messageRef", "id", "name", "type"),
    *("cancelActivity", "isForCompensation", "triggeredByEvent", "isExecutable", "retries"),
]
VALUES = ["", " ", "=", "=1", "=(", "=a = b", "true", "false", "PT5S", "R/PT1S", "é", "x" * 300]
WORDS = [*TAGS, *ATTRIBUTES, *VALUES, "&lt;", "&x;", "<!-- -->", "\0", "]]>", "<bpmn:task id='x'/>"]


def torn(content: bytes, chance: random.Random) -> bytes:
    """A drawing with pieces of its text replaced, removed, repeated or swapped."""
    text = content.decode()
    for _ in range(chance.randint(1, 6)):
        separator = chance.choice(['"', "<", ">", " ", "\n", "="])
        pieces = text.split(separator)
        place, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
        action = chance.randrange(4)
        if action == 0:
            pieces[place] = chance.choice(WORDS)
        elif action == 1:
            del pieces[place]
        elif action == 2:
            pieces.insert(place, pieces[other])
        else:
            pieces[place], pieces[other] = pieces[other], pieces[place]
        text = separator.join(pieces)
    return text.encode()


def redrawn(content: bytes, chance: random.Random) -> bytes:
    """A drawing that is still XML, with elements and attributes changed at random."""
    root = etree.fromstring(content)
    for _ in range(chance.randint(1, 5)):
        everything = list(root.iter("{*}*"))[1:]
        if not everything:
            break
        one, other = chance.choice(everything), chance.choice(everything)
        action = chance.randrange(6)
        if action == 0:
            one.getparent().remove(one)
        elif action == 1:
            other.append(copy.deepcopy(one))
        elif action == 2:
            one.tag = f"{{{etree.QName(one).namespace}}}{chance.choice(TAGS)}"
        elif action == 3 and one.attrib:
            one.set(
                chance.choice(list(one.attrib)), chance.choice([*VALUES, *other.attrib.values()])
            )
        elif action == 4:
            one.set(chance.choice(ATTRIBUTES), chance.choice([*VALUES, *other.attrib.values()]))
        else:
            one.text = chance.choice([*VALUES, other.text])
    return etree.tostring(root)


def mutated(content: bytes, seed: int) -> bytes:
    """A drawing spoiled in one of both ways."""
    chance = random.Random(seed)
    return chance.choice([torn, redrawn, redrawn])(without_diagram(content), chance)


def without_diagram(content: bytes) -> bytes:
    return content.partition(b"<bpmndi:BPMNDiagram")[0] + b"</bpmn:definitions>"


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(DRAWINGS), st.integers(min_value=0))
def test_mutated_drawings(content: bytes, seed: int) -> None:
    outcome(mutated(content, seed))


def test_many_mutated_drawings() -> None:
    seed = int(os.environ.get("PHEE_TEST_SEED", str(random.SystemRandom().randrange(10**9))))
    print(f"PHEE_TEST_SEED={seed}")
    valid = 0
    for number in range(600):
        content = mutated(DRAWINGS[number % len(DRAWINGS)], seed + number)
        valid += isinstance(outcome(content), list)
    assert 0 < valid < 600, "mutations should break most drawings and leave some whole"
