"""A mapping held against drawings: slips are errors, gaps are notes."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from phee.cli.main import app
from phee.projections.coverage import MappingReport, check_mapping, flow_of
from phee.projections.drawings import Drawing, read_drawing
from phee.projections.mapping import InvalidMapping, default_mapping, load_mapping

DRAWING = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
                  xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">
  <bpmn:message id="m1" name="reply">
    <bpmn:extensionElements><zeebe:subscription correlationKey="=ticket" /></bpmn:extensionElements>
  </bpmn:message>
  <bpmn:process id="sale-DFSPID" isExecutable="true">
    <bpmn:startEvent id="Start" />
    <bpmn:serviceTask id="Charge"><bpmn:extensionElements>
      <zeebe:taskDefinition type="charge-DFSPID" />
      <zeebe:ioMapping><zeebe:output source="=price" target="total" /></zeebe:ioMapping>
    </bpmn:extensionElements></bpmn:serviceTask>
    <bpmn:receiveTask id="Wait" messageRef="m1" />
    <bpmn:endEvent id="Event_good" name="Paid" />
    <bpmn:endEvent id="Event_bad" name="Payment aborted" />
    <bpmn:subProcess id="Inside"><bpmn:endEvent id="Event_inside" name="failed" /></bpmn:subProcess>
  </bpmn:process>
</bpmn:definitions>"""


def mapping(**changes: Any) -> dict[str, Any]:
    flow = {
        "type": "TRANSFER",
        "direction": "OUTGOING",
        "fields": [
            {"variable": "total", "field": "amount"},
            {"variable": "ticket", "field": "transactionId"},
            {"variable": "receipt", "field": "note"},
            {"variable": "answer", "path": "$.code", "field": "payeeQuoteCode"},
        ],
        "ends": {"Event_good": "COMPLETED", "Event_bad": "FAILED"},
    } | changes
    return {
        "version": 1,
        "failedEnd": "(?i)fail",
        "sets": {},
        "variables": {
            "total": {"type": "number", "setBy": []},
            "ticket": {"type": "text", "setBy": ["start"]},
            "receipt": {"type": "text", "setBy": ["charge"]},
            "answer": {"type": "json", "setBy": ["message:reply"]},
            "flag": {"type": "boolean", "setBy": ["start"]},
            "lost": {"type": "text", "setBy": ["some-other-job"]},
        },
        "flows": {"sale": flow},
    }


def drawn() -> list[Drawing]:
    return read_drawing(DRAWING.encode(), "sale.bpmn")


def checked(**changes: Any) -> MappingReport:
    return check_mapping(load_mapping(json.dumps(mapping(**changes))), drawn())


def rules(report: MappingReport, severity: str = "error") -> list[str]:
    return [one.rule for one in report.findings if one.severity == severity]


def test_a_mapping_that_fits() -> None:
    report = checked()
    assert report.findings == []
    (one,) = report.drawings
    assert (one.flow, one.covered_by, one.variables, one.matched) == ("sale", "TRANSFER", 4, 4)


def test_a_variable_that_nothing_sets() -> None:
    fields = [{"variable": "lost", "field": "note"}]
    report = checked(fields=fields)
    assert rules(report) == ["never-set"]
    assert "lost" in report.findings[0].what


def test_an_end_that_is_not_drawn() -> None:
    ends = {"Event_good": "COMPLETED", "Event_bad": "FAILED", "Event_gone": "FAILED"}
    assert rules(checked(ends=ends)) == ["unknown-end"]
    assert rules(checked(ends={"Event_good": "COMPLETED", "Event_inside": "FAILED"})) == [
        "unknown-end",
        "end-misread",
    ]


def test_an_end_whose_name_says_failure_and_that_counts_as_success() -> None:
    assert rules(checked(ends={"Event_good": "COMPLETED"})) == ["end-misread"]


def test_a_flow_without_entry_is_a_note() -> None:
    report = check_mapping(
        load_mapping(json.dumps(mapping() | {"flows": {"other": mapping()["flows"]["sale"]}})),
        drawn(),
    )
    assert rules(report) == []
    assert rules(report, "note") == ["no-entry", "no-drawing"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"variable": "flag", "field": "amount"}, "boolean cannot fill amount"),
        ({"variable": "ticket", "path": "$.a", "field": "note"}, "no inside for a path"),
        ({"variable": "answer", "field": "note2"}, "no field"),
        ({"variable": "nobody", "field": "note"}, "not declared"),
        ({"variable": "answer", "field": "transactionId"}, "json cannot fill"),
        ({"variable": "answer", "path": "code", "field": "note"}, "not a path"),
    ],
)
def test_a_wrong_type_is_found_when_it_is_loaded(rule: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidMapping, match=said):
        load_mapping(json.dumps(mapping(fields=[rule])))


def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidMapping, match="two entries"):
        load_mapping(json.dumps(mapping(also=["sale"])))


def test_flows_are_found_in_process_ids() -> None:
    known = default_mapping()
    for process_id, flow in (
        ("PayerFundTransfer-DFSPID", "PayerFundTransfer"),
        ("inbound_transfer-mifos-rhino", "inbound_transfer-mifos"),
        ("mojaloop-account-validation", "mojaloop-account-validation"),
        ("unknown_flow-DFSPID", "unknown_flow"),
    ):
        assert flow_of(known, process_id) == flow


def test_the_shipped_mapping_fits_the_shipped_drawings() -> None:
    drawings = [
        one
        for file in sorted(resources.files("phee.flows").iterdir(), key=lambda each: each.name)
        if file.name.endswith(".bpmn")
        for one in read_drawing(file.read_bytes(), file.name)
    ]
    assert len(drawings) == 3
    report = check_mapping(default_mapping(), drawings)
    assert [one for one in report.findings if one.severity == "error"] == []


UPSTREAM_FLOWS = {
    "TRANSFER": "PayerFundTransfer PayeeQuoteTransfer transferProcess payment_notification"
    " international_remittance_payee_process international_remittance_payer_process"
    " gsma_base_transaction mock_payment_transfer mock_payer_fund_transfer"
    " mock_payment_transfer_debit minimal_mock_fund_transfer"
    " minimal_mock_fund_transfer_account_lookup",
    "TRANSACTION_REQUEST": "inbound_transfer_mifos inbound_transfer_paygops"
    " inbound_transfer_roster inbound_transfer_tupande inbound_transfer_erply"
    " PayerTransactionRequest PayeeTransactionRequest mpesa_flow mpesa_flow_roster"
    " mpesa_flow_paygops minimal_mock_transfer_request bill_request",
    "BATCH": "bulk_processor slcb bulk_processor_account_lookup",
    "OUTBOUND_MESSAGE": "notification",
}


@pytest.mark.parametrize("flow_type", UPSTREAM_FLOWS)
def test_every_flow_that_upstream_maps_is_mapped(flow_type: str) -> None:
    flows = default_mapping().flows
    names = UPSTREAM_FLOWS[flow_type].split()
    assert {name: flows[name].type for name in names} == dict.fromkeys(names, flow_type)


# --- the command ---


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["mapping", "check", *arguments])


def test_the_command_says_so_by_its_status(tmp_path: Path) -> None:
    folder = tmp_path / "drawings"
    folder.mkdir()
    (folder / "sale.bpmn").write_text(DRAWING)
    file = tmp_path / "mapping.json"
    file.write_text(json.dumps(mapping()))
    arguments = ("--drawings", str(folder), "--mapping", str(file))
    assert run(*arguments).exit_code == 0
    file.write_text(json.dumps(mapping(ends={"Event_good": "COMPLETED"})))
    outcome = run(*arguments, "--json")
    assert outcome.exit_code == 1
    assert json.loads(outcome.stdout)["findings"][0]["rule"] == "end-misread"
    assert "end-misread" in run(*arguments).stdout


def test_the_command_checks_the_shipped_drawings() -> None:
    outcome = run()
    assert outcome.exit_code == 0, outcome.output
    assert run("--strict").exit_code == 1  # most mapped flows ship no drawing


def test_drawings_of_upstream() -> None:
    """Set PHEE_TEST_DRAWINGS to a folder of upstream's drawings to check them, too."""
    folder = os.environ.get("PHEE_TEST_DRAWINGS", "")
    if not folder:
        pytest.skip("NOT TESTED: PHEE_TEST_DRAWINGS names no folder of drawings")
    outcome = run("--drawings", folder, "--json")
    report = json.loads(outcome.stdout)
    assert outcome.exit_code == 0, report["findings"]
    assert all(one["coveredBy"] != "generic tables only" for one in report["drawings"])
