"""The payee's side of a party lookup: find the account holder and answer."""

from __future__ import annotations

from flow_drawing.drawing import Drawing


def draw() -> Drawing:
    """The drawing of ``PayeePartyLookup-DFSPID``."""
    d = Drawing("PayeePartyLookup-DFSPID", "Payee party lookup")
    answer = "party-lookup-local-response-DFSPID"
    d.start("StartEvent_LookupRequested", "Lookup requested", (0, 0))
    d.job("Task_FindParty", "Find the party", (1, 0), "party-lookup-local-DFSPID", "ledger")
    d.job("Task_AnswerLookup", "Answer the lookup", (2, 0), answer, "scheme")
    d.end("EndEvent_Completed", "Answered", (3, 0))
    d.line(
        "StartEvent_LookupRequested", "Task_FindParty", "Task_AnswerLookup", "EndEvent_Completed"
    )
    return d
