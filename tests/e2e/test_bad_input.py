"""Bad input to a running hub: a clear error each, and nothing half done."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from running_hub import MODEL, Answer, Http, drawing, payment, service_task
from running_world import GORILLA, RHINO, World, ordinary_payment

from phee.cli.demo.proof import ledger_totals
from phee.gateway.methods import METHODS
from phee.gateway.proto import gateway_pb2 as pb

PAYER, PAYEE = RHINO.customers[0], GORILLA.customers[0]
TRANSFER = "/channel/transfer"


@pytest.fixture(autouse=True, scope="module")
def nothing_was_done(world: World) -> Iterator[None]:
    """No instance, no definition, no money: what every test of this module must leave behind."""
    before = world.instances(), definitions(world), ledger_totals(simulators(world))
    yield
    assert (world.instances(), definitions(world), ledger_totals(simulators(world))) == before


def simulators(world: World) -> str:
    return f"http://127.0.0.1:{world.simulators.port}"


def definitions(world: World) -> int:
    """How many processes were ever deployed, counted in the record log."""
    lines = world.command.good("records").splitlines()
    return sum('"valueType":"PROCESS"' in line and '"CREATED"' in line for line in lines)


def changed(**fields: Any) -> dict[str, Any]:
    return ordinary_payment() | fields


def amount(value: Any, currency: Any = "USD") -> dict[str, Any]:
    return changed(amount={"amount": value, "currency": currency})


# -- payments over HTTP ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (amount("-1.00"), "amount.amount"),
        (amount("0"), "amount.amount"),
        (amount("0.00"), "amount.amount"),
        (amount("1.001"), "amount.amount"),
        (amount("1.5", "JPY"), "amount.amount"),
        (amount("9" * 30), "amount.amount"),
        (amount("1e3"), "amount.amount"),
        (amount("NaN"), "amount.amount"),
        (amount("Infinity"), "amount.amount"),
        (amount("1,50"), "amount.amount"),
        (amount("٣"), "amount.amount"),
        (amount(""), "amount.amount"),
        (amount(1.5), "amount.amount"),
        (amount(None), "amount.amount"),
        (amount("1.00", "XXQ"), "amount.currency"),
        (amount("1.00", "usd"), "amount.currency"),
        (amount("1.00", ""), "amount.currency"),
        (payment(PAYER, PAYER), "payee"),
        (payment(PAYER, "+" + PAYER), "payee"),
        (payment(PAYER, "not a number"), "payee.partyIdInfo.partyIdentifier"),
        (payment("", PAYEE), "payer.partyIdInfo.partyIdentifier"),
        (changed(payee=None), "payee"),
        (changed(surprise=1), "surprise"),
        (changed(note="two\nlines"), "note"),
        ({}, "payer"),
        ([], "body"),
        ("text", "body"),
        (None, None),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_a_payment_that_makes_no_sense(world: World, body: Any, field: str | None) -> None:
    raw = json.dumps(body).encode()
    answer = world.rhino.post(TRANSFER, raw, {"X-CorrelationID": f"bad-{uuid.uuid4()}"})
    problem = answer.problem(400, "invalid-fields")
    if field is not None:
        assert field in [each["field"] for each in problem["errors"]]


def test_every_wrong_field_is_named_at_once(world: World) -> None:
    body = payment("x", "y", "-1", "???")
    problem = world.rhino.post(TRANSFER, body).problem(400, "invalid-fields")
    assert {each["field"] for each in problem["errors"]} == {
        "amount.amount",
        "amount.currency",
        "payer.partyIdInfo.partyIdentifier",
        "payee.partyIdInfo.partyIdentifier",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"payer": 1, "payer": 2}',
        b'{"amount": NaN}',
        b'{"amount": 1e999}',
        b'{"amount": ' + b"9" * 100 + b"}",
        b"[" * 100_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 40 + b"]" * 40,
        b'{"payer": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"{} {}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_strict_json(world: World, body: bytes) -> None:
    world.rhino.post(TRANSFER, body).problem(400, "invalid-json")


def test_ten_megabytes(world: World) -> None:
    body = json.dumps(changed(note="x" * 10_000_000)).encode()
    try:
        answer = world.rhino.post(TRANSFER, body)
    except (BrokenPipeError, ConnectionResetError):
        answer = early_answer(world.hub.port, body)  # the hub does not read what it refuses
    answer.problem(413, "body-too-large")
    assert world.pay(f"after-{uuid.uuid4()}", changed(note=1)).status == 400, "the hub goes on"


def early_answer(port: int, body: bytes) -> Answer:
    """What is answered before the body was sent to its end."""
    head = (
        f"POST {TRANSFER} HTTP/1.1\r\nHost: x\r\nPlatform-TenantId: rhino\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode() + body[:1000])
        received = b""
        while b"}" not in received and (more := connection.recv(65536)):
            received += more
    top, _, content = received.partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Answer(int(first.split()[1]), headers, content)


def test_the_form_of_the_request(world: World) -> None:
    rhino, body = world.rhino, ordinary_payment()
    Http(world.hub.port).post(TRANSFER, body).problem(400, "missing-tenant")
    rhino.post(TRANSFER, body, {"Platform-TenantId": ""}).problem(400, "missing-tenant")
    rhino.post(TRANSFER, body, {"Platform-TenantId": "nobody"}).problem(404, "unknown-tenant")
    rhino.post(TRANSFER, body, {"Content-Type": "text/plain"}).problem(
        415, "unsupported-media-type"
    )
    rhino.post(TRANSFER, body, {"X-CorrelationID": "has spaces"}).problem(400, "invalid-fields")
    rhino.post(TRANSFER, body, {"X-CorrelationID": "x" * 129}).problem(400, "invalid-fields")
    rhino.get("/nowhere").problem(404, "unknown-route")
    rhino.get("/api/v1/transfers/../../etc/passwd").problem(404, "unknown-route")
    rhino.ask("PUT", TRANSFER, body).problem(405, "method-not-allowed")
    rhino.ask("DELETE", "/api/v1/transfers").problem(405, "method-not-allowed")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/transfers?page=-1", "query.page"),
        ("/api/v1/transfers?size=0", "query.size"),
        ("/api/v1/transfers?size=100000", "query.size"),
        ("/api/v1/transfers?sortedBy=password", "query.sortedBy"),
        ("/api/v1/transfers?status=' OR 1=1", "query.status"),
        ("/api/v1/transfers?surprise=1", "query.surprise"),
        ("/api/v1/transfers?amount=1e5", "query.amount"),
        ("/api/v1/transfers?startFrom=yesterday", "query.startFrom"),
        ("/api/v1/transfers?page=1&page=2", "query.page"),
        ("/api/v1/transfers?after=1-2", "query.after"),
        ("/api/v1/transfer/abc", None),
        ("/api/v1/transfer/0", None),
        ("/channel/transfer/not-a-uuid", None),
        ("/api/v1/search?fields=password&q=x", None),
        ("/api/v1/search?cursor=nonsense", None),
    ],
)
def test_questions_that_make_no_sense(world: World, path: str, field: str | None) -> None:
    answer = world.rhino.get(path.replace(" ", "%20"))
    assert answer.status == 400, answer.body
    problem = answer.problem(400, answer.json["code"])
    if field is not None:
        assert [each["field"] for each in problem["errors"]] == [field]


@pytest.mark.parametrize("q", ['"', "a AND", "(", "*", "NEAR(", "col:", "-", "' OR 1=1 --", "\x00"])
def test_search_words_are_words(world: World, q: str) -> None:
    answer = world.rhino.get("/api/v1/search", q=q)
    assert answer.status in (200, 400)
    if answer.status == 400:
        answer.problem(400, answer.json["code"])


# -- drawings, over HTTP and over gRPC ---------------------------------------------------------

START = '<startEvent id="s"/>'


def process(body: str, head: str = "", attributes: str = "") -> bytes:
    return (
        f'{head}<definitions xmlns="{MODEL}" id="d" targetNamespace="t" {attributes}>'
        f'<process id="Hostile" isExecutable="true">{body}</process></definitions>'
    ).encode()


BOMB = (
    "<!DOCTYPE d [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(10))
    + "]>"
)
EXTERNAL = "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>"
STRANGE = (
    '<startEvent id="s"><extensionElements><z:conjure xmlns:z='
    '"http://camunda.org/schema/zeebe/1.0"/></extensionElements></startEvent>'
)
HOSTILE = {
    "entity bomb": process("&k;", BOMB),
    "external entity": process("<documentation>&x;</documentation>", EXTERNAL),
    "missing start": process('<endEvent id="e"/>'),
    "dangling flow": process(START + '<sequenceFlow id="f" sourceRef="s" targetRef="gone"/>'),
    "unknown extension": process(STRANGE),
    "unknown element": process(START + '<adHocSubProcess id="a"/>'),
    "broken expression": process(
        START + '<scriptTask id="t"><extensionElements><z:script xmlns:z='
        '"http://camunda.org/schema/zeebe/1.0" expression="=1 +" resultVariable="r"/>'
        '</extensionElements></scriptTask><sequenceFlow id="f" sourceRef="s" targetRef="t"/>'
    ),
    "doubled id": process(START + START),
    "no process": f'<definitions xmlns="{MODEL}" id="d"/>'.encode(),
    "not XML": b"hello",
    "unbalanced": b"<definitions>",
    "HTML": b"<html/>",
    "deep": process("<subProcess>" * 1000 + "</subProcess>" * 1000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_drawing_over_http(world: World, name: str) -> None:
    answer = world.rhino.deploy(drawing("Good"), HOSTILE[name])
    problem = answer.problem(400, answer.json["code"])
    assert "drawing-1.bpmn" in problem["detail"]
    assert "ha" * 10 not in problem["detail"]
    assert socket.gethostname() not in problem["detail"]


@pytest.mark.parametrize(
    ("name", "content"), [("../x.bpmn", "<a/>"), ("x.exe", "<a/>"), ("", "<a/>"), ("x.bpmn", "")]
)
def test_a_resource_with_a_bad_name_or_nothing_in_it(world: World, name: str, content: str) -> None:
    resources = [{"name": name, "content": content}]
    world.rhino.post("/api/v1/deployments", {"resources": resources}).problem(400, "invalid-fields")
    world.rhino.post("/api/v1/deployments", {"resources": []}).problem(400, "invalid-fields")


def test_a_job_type_nobody_serves(world: World) -> None:
    unserved = drawing("Unserved", service_task("t", "conjure-money"))
    problem = world.rhino.deploy(drawing("Good"), unserved).problem(409, "job-type-not-served")
    assert "conjure-money" in problem["detail"]
    assert "Unserved" in problem["detail"]
    typo = drawing("Typo", service_task("t", "block-fund"))
    world.rhino.deploy(typo).problem(409, "job-type-not-served")


class Gateway:
    """The gRPC gateway, asked without any client library of ours."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def refuses(self, name: str, request: Any) -> grpc.aio.AioRpcError:
        method = METHODS[name]
        call = self._channel.unary_unary(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request, timeout=20)
        assert caught.value.details()
        assert "Traceback" not in (caught.value.details() or "")
        return caught.value


@pytest.fixture
async def gateway(world: World) -> AsyncIterator[Gateway]:
    options = [("grpc.max_send_message_length", 32 << 20)]
    async with grpc.aio.insecure_channel(world.grpc_target, options=options) as channel:
        yield Gateway(channel)


@pytest.mark.parametrize("name", [*HOSTILE, "empty"])
async def test_a_hostile_drawing_over_grpc(gateway: Gateway, name: str) -> None:
    content = HOSTILE.get(name, b"")
    request = pb.DeployResourceRequest(
        resources=[
            pb.Resource(name="good.bpmn", content=drawing("Good")),
            pb.Resource(name="hostile.bpmn", content=content),
        ],
        tenantId="rhino",
    )
    error = await gateway.refuses("DeployResource", request)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "hostile.bpmn" in (error.details() or "")


@pytest.mark.parametrize(
    ("call", "request_", "status"),
    [
        ("DeployResource", pb.DeployResourceRequest(), "INVALID_ARGUMENT"),
        (
            "DeployResource",
            pb.DeployResourceRequest(
                resources=[pb.Resource(name="a.bpmn", content=b"<a/>")], tenantId="nobody"
            ),
            "PERMISSION_DENIED",
        ),
        (
            "CreateProcessInstance",
            pb.CreateProcessInstanceRequest(bpmnProcessId="None", version=-1),
            "NOT_FOUND",
        ),
        (
            "CreateProcessInstance",
            pb.CreateProcessInstanceRequest(
                bpmnProcessId="PayerFundTransfer-rhino", version=-1, tenantId="gorilla"
            ),
            "NOT_FOUND",
        ),
        (
            "CreateProcessInstance",
            pb.CreateProcessInstanceRequest(
                bpmnProcessId="PayerFundTransfer-rhino",
                version=-1,
                tenantId="rhino",
                variables="[1]",
            ),
            "INVALID_ARGUMENT",
        ),
        (
            "CreateProcessInstance",
            pb.CreateProcessInstanceRequest(
                bpmnProcessId="PayerFundTransfer-rhino",
                version=-1,
                tenantId="rhino",
                variables="{",
            ),
            "INVALID_ARGUMENT",
        ),
        ("CompleteJob", pb.CompleteJobRequest(jobKey=1), "NOT_FOUND"),
        ("FailJob", pb.FailJobRequest(jobKey=1, retries=1), "NOT_FOUND"),
        ("ThrowError", pb.ThrowErrorRequest(jobKey=1, errorCode="x"), "NOT_FOUND"),
        ("UpdateJobRetries", pb.UpdateJobRetriesRequest(jobKey=1, retries=1), "NOT_FOUND"),
        ("ResolveIncident", pb.ResolveIncidentRequest(incidentKey=1), "NOT_FOUND"),
        (
            "CancelProcessInstance",
            pb.CancelProcessInstanceRequest(processInstanceKey=1),
            "NOT_FOUND",
        ),
        (
            "SetVariables",
            pb.SetVariablesRequest(elementInstanceKey=1, variables="{}"),
            "NOT_FOUND",
        ),
        (
            "SetVariables",
            pb.SetVariablesRequest(elementInstanceKey=1, variables="no"),
            "INVALID_ARGUMENT",
        ),
        ("BroadcastSignal", pb.BroadcastSignalRequest(signalName="x"), "UNIMPLEMENTED"),
    ],
)
async def test_grpc_calls_that_make_no_sense(
    gateway: Gateway, call: str, request_: Any, status: str
) -> None:
    error = await gateway.refuses(call, request_)
    assert error.code() == grpc.StatusCode[status], error.details()


async def test_a_grpc_message_that_is_too_large(gateway: Gateway) -> None:
    content = b" " * (10 << 20)
    request = pb.DeployResourceRequest(resources=[pb.Resource(name="a.bpmn", content=content)])
    error = await gateway.refuses("DeployResource", request)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
