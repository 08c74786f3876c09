"""The payer's side of a fund transfer: find, quote, ask, hold, transfer, then book or release.

Two bands: above, everything that can be given up without a trace; below, everything after the
payer's money is held. A hold ends booked, released, or settled by an operator.
"""

from __future__ import annotations

from flow_drawing.drawing import Column, Drawing, Row

BUS = 2.0
"""Row of the line on which everything that gives up before the hold meets."""
MONEY = 6.35
"""Row of the main line after the money is held."""


def draw() -> Drawing:
    """The drawing of ``PayerFundTransfer-DFSPID``."""
    drawing = Drawing("PayerFundTransfer-DFSPID", "Payer fund transfer")
    for name in ("party-lookup", "accept-quote", "transfer-response", "operator-manual-recovery"):
        drawing.message(name, "transactionId")
    drawing.message("quote-callback", "quoteId")
    drawing.message("quote-error", "quoteId")
    _look_up(drawing)
    _quote(drawing)
    _ask_payer(drawing)
    _abort(drawing)
    _hold(drawing)
    _transfer(drawing)
    _ask_scheme(drawing)
    _ask_operator(drawing)
    _book(drawing)
    _release(drawing)
    _legend(drawing)
    return drawing


def _look_up(d: Drawing) -> None:
    d.start("StartEvent_TransferRequested", "Transfer requested", (0, 0))
    d.job("Task_LookUpPayee", "Look up the payee", (1, 0), "party-lookup-request-DFSPID", "scheme")
    d.receive("Task_AwaitPayee", "Wait for the payee's details", (2, 0), "party-lookup", "scheme")
    d.timeout("Timer_PayeeLate", "No answer", "Task_AwaitPayee", "responseTimeout", side="bottom")
    d.choice("Gateway_PayeeFound", "Payee found?", (3, 0))
    d.choice("Gateway_LookUpAgain", "Look up again?", (1, 1), "left")
    d.line(
        "StartEvent_TransferRequested", "Task_LookUpPayee", "Task_AwaitPayee", "Gateway_PayeeFound"
    )
    d.flow("Timer_PayeeLate", "Gateway_LookUpAgain", leave="bottom", enter="right")
    again = {"when": "partyLookupRetryCount < 3", "name": "fewer than 3 tries"}
    d.flow("Gateway_LookUpAgain", "Task_LookUpPayee", leave="top", enter="bottom", **again)


def _quote(d: Drawing) -> None:
    d.job("Task_RequestQuote", "Request a quote", (4, 0), "quote-DFSPID", "scheme")
    d.race("Gateway_AwaitQuote", "Wait for the quote", (5, 0))
    d.message_event("Event_QuoteReceived", "Quote received", (6, 0), "quote-callback")
    d.message_event("Event_QuoteRefused", "Quote refused", (6, 1), "quote-error", "right")
    d.timer_event("Timer_QuoteLate", "No answer", (5, 1), "responseTimeout")
    d.choice("Gateway_QuoteAgain", "Quote again?", (4, 1), "left")
    d.choice("Gateway_Quoted", "Quote good?", (7, 0))
    no = {"leave": "right", "default": True, "name": "yes"}
    d.flow("Gateway_PayeeFound", "Task_RequestQuote", **no)
    d.line("Task_RequestQuote", "Gateway_AwaitQuote", "Event_QuoteReceived", "Gateway_Quoted")
    d.flow("Gateway_AwaitQuote", "Event_QuoteRefused", leave="bottom", enter="top")
    d.flow("Gateway_AwaitQuote", "Timer_QuoteLate", leave="bottom", enter="top")
    d.flow("Timer_QuoteLate", "Gateway_QuoteAgain", leave="left", enter="right")
    again = {"when": "quoteRetryCount < 3", "name": "fewer than 3 tries"}
    d.flow("Gateway_QuoteAgain", "Task_RequestQuote", leave="top", enter="bottom", **again)


def _ask_payer(d: Drawing) -> None:
    local = "payer-local-quote-DFSPID"
    d.job("Task_QuoteLocally", "Work out the payer's own fee", (8, 0), local, "ledger")
    d.choice("Gateway_QuotedLocally", "Fee known?", (9, 0))
    ask = "payer-request-confirm-DFSPID"
    d.job("Task_AskPayer", "Ask the payer to confirm", (10, 0), ask, "customer")
    d.receive("Task_AwaitPayer", "Wait for the payer", (11, 0), "accept-quote", "customer")
    timer = "payerDecisionTimeout"
    d.timeout("Timer_PayerSilent", "No decision", "Task_AwaitPayer", timer, side="bottom")
    d.choice("Gateway_Confirmed", "Confirmed?", (12, 0))
    d.flow("Gateway_Quoted", "Task_QuoteLocally", default=True, name="yes")
    d.line("Task_QuoteLocally", "Gateway_QuotedLocally")
    d.flow("Gateway_QuotedLocally", "Task_AskPayer", default=True, name="yes")
    d.line("Task_AskPayer", "Task_AwaitPayer", "Gateway_Confirmed")


def _abort(d: Drawing) -> None:
    report = "Task_ReportAborted"
    d.job(report, "Tell the channel why", (13, BUS), "send-error-to-channel", "customer")
    d.end("EndEvent_Failed_Aborted", "Aborted, no money held", (14, BUS))
    d.line(report, "EndEvent_Failed_Aborted")
    refused = {
        "Gateway_PayeeFound": "partyLookupFailed = true",
        "Gateway_Quoted": "quoteFailed = true",
        "Gateway_QuotedLocally": "localQuoteFailed = true",
    }
    for gateway, condition in refused.items():
        d.flow(gateway, report, when=condition, name="no", leave="bottom", via=[Row(BUS)])
    for gateway in ("Gateway_LookUpAgain", "Gateway_QuoteAgain", "Gateway_Confirmed"):
        d.flow(gateway, report, default=True, name="no", leave="bottom", via=[Row(BUS)])
    for event in ("Event_QuoteRefused", "Timer_PayerSilent"):
        d.flow(event, report, leave="bottom", via=[Row(BUS)])


def _hold(d: Drawing) -> None:
    d.job("Task_BlockFunds", "Hold the payer's money", (1, MONEY), "block-funds", "ledger")
    d.choice("Gateway_Blocked", "Held?", (2, MONEY))
    report = "Task_ReportNotBlocked"
    d.job(report, "Tell the channel why", (2, MONEY + 1), "send-error-to-channel", "customer")
    d.end("EndEvent_Failed_NotBlocked", "Not held", (3, MONEY + 1))
    confirmed = {"when": "payerConfirmed = true", "name": "yes"}
    around = [Column(14.6), Row(MONEY - 3.2), Column(1)]
    d.flow("Gateway_Confirmed", "Task_BlockFunds", enter="top", via=around, **confirmed)
    d.line("Task_BlockFunds", "Gateway_Blocked")
    failed = {"when": "transferPrepareFailed = true", "name": "no"}
    d.flow("Gateway_Blocked", report, leave="bottom", enter="top", **failed)
    d.line(report, "EndEvent_Failed_NotBlocked")


def _transfer(d: Drawing) -> None:
    send, wait = "Task_SendTransfer", "Task_AwaitTransfer"
    d.job(send, "Send the transfer", (3, MONEY), "send-transfer-request-DFSPID", "scheme")
    d.receive(wait, "Wait for the result", (4, MONEY), "transfer-response", "scheme")
    d.timeout("Timer_TransferLate", "No answer", wait, "responseTimeout", side="top", shift=30)
    d.choice("Gateway_Result", "Committed?", (6, MONEY), "bottom-left")
    d.flow("Gateway_Blocked", send, default=True, name="yes")
    d.line(send, wait, "Gateway_Result")


def _ask_scheme(d: Drawing) -> None:
    ask = "Task_AskScheme"
    d.job(ask, "Ask what became of it", (5, MONEY - 1.15), "get-transfer-state-DFSPID", "scheme")
    d.choice("Gateway_StateKnown", "Outcome known?", (6, MONEY - 1.15), "right")
    d.choice("Gateway_NextStep", "What next?", (6, MONEY - 2.15), "bottom-left")
    d.flow("Timer_TransferLate", ask, leave="top", enter="left")
    d.line(ask, "Gateway_StateKnown")
    known = {"when": "transferStateKnown = true", "name": "yes"}
    d.flow("Gateway_StateKnown", "Gateway_Result", leave="bottom", enter="top", **known)
    unknown = {"leave": "top", "enter": "bottom", "default": True, "name": "no"}
    d.flow("Gateway_StateKnown", "Gateway_NextStep", **unknown)
    lost = 'transferState = "NOT_FOUND" and transferRetryCount < 3'
    above = [Row(MONEY - 2.8), Column(3)]
    resend = {"name": "never arrived", "leave": "top", "enter": "top", "via": above}
    d.flow("Gateway_NextStep", "Task_SendTransfer", when=lost, **resend)
    # The conditions exclude each other: which of two true ones wins is up to the orchestrator.
    again = {"when": f"transferQueryCount < 5 and not({lost})", "name": "wait longer"}
    d.flow("Gateway_NextStep", "Task_AwaitTransfer", leave="left", enter="top", **again)


def _ask_operator(d: Drawing) -> None:
    row = MONEY - 2.15
    report, notify, wait = "Task_ReportUnknown", "Task_NotifyOperator", "Task_AwaitOperator"
    d.job(report, "Tell the channel: unknown", (7.5, row), "send-unknown-to-channel", "customer")
    d.job(notify, "Call an operator", (8.5, row), "notify-operator", "operator")
    message = "operator-manual-recovery"
    d.receive(wait, "Wait for the operator", (9.5, row), message, "operator")
    recheck = "operatorRecheckInterval"
    d.timeout("Timer_AskSchemeAgain", "Check again", wait, recheck, side="bottom")
    d.choice("Gateway_Overridden", "Settled by hand?", (10.5, row))
    d.end("EndEvent_Failed_Overridden", "Settled by an operator", (11.5, row))
    d.flow("Gateway_NextStep", report, default=True, name="give up")
    d.line(report, notify, wait, "Gateway_Overridden")
    back = [Row(MONEY - 0.62), Column(5)]
    d.flow("Timer_AskSchemeAgain", "Task_AskScheme", leave="bottom", enter="bottom", via=back)
    override = {"when": "operatorManualOverride = true", "name": "yes"}
    d.flow("Gateway_Overridden", "EndEvent_Failed_Overridden", **override)
    decided = {"name": "no", "leave": "bottom", "enter": "top", "default": True}
    down = [Row(MONEY - 0.42), Column(6)]
    d.flow("Gateway_Overridden", "Gateway_Result", via=down, **decided)


def _book(d: Drawing) -> None:
    book, report = "Task_BookFunds", "Task_ReportSuccess"
    d.job(book, "Book the money", (7.5, MONEY), "book-funds", "ledger")
    d.choice("Gateway_Booked", "Booked?", (8.5, MONEY))
    d.job(report, "Tell the channel: done", (9.5, MONEY), "send-success-to-channel", "customer")
    d.end("EndEvent_Completed", "Completed", (10.5, MONEY))
    d.flow("Gateway_Result", book, default=True, name="yes")
    d.line(book, "Gateway_Booked")
    d.flow("Gateway_Booked", report, default=True, name="yes")
    d.line(report, "EndEvent_Completed")
    ids = ("Booking", "EndEvent_Overridden", "Booked by an operator")
    _repeat(d, MONEY, "Gateway_Booked", book, "transferCreateFailed", ids)


def _release(d: Drawing) -> None:
    row = MONEY + 2.4
    release, report = "Task_ReleaseBlock", "Task_ReportReleased"
    d.job(release, "Release the hold", (7.5, row), "release-block", "ledger")
    d.choice("Gateway_Released", "Released?", (8.5, row))
    d.job(report, "Tell the channel why", (9.5, row), "send-error-to-channel", "customer")
    d.end("EndEvent_Failed_Released", "Failed, money released", (10.5, row))
    no = {"when": 'transferFailed = true or transferState != "COMMITTED"', "name": "no"}
    d.flow("Gateway_Result", release, leave="bottom", **no)
    d.line(release, "Gateway_Released")
    d.flow("Gateway_Released", report, default=True, name="yes")
    d.line(report, "EndEvent_Failed_Released")
    ids = ("Release", "EndEvent_Failed_ReleaseOverridden", "Released by an operator")
    _repeat(d, row, "Gateway_Released", release, "transferReleaseFailed", ids)


def _repeat(
    d: Drawing, row: float, gateway: str, task: str, failed: str, ids: tuple[str, str, str]
) -> None:
    """The loop around a ledger task that failed: an operator settles it, or it is tried again."""
    subject, end, end_name = ids
    notify, wait = f"Task_Notify{subject}Failed", f"Task_Await{subject}Decision"
    decided, timer = f"Gateway_{subject}Overridden", f"Timer_{subject}Again"
    d.job(notify, "Call an operator", (8.5, row + 1), "notify-ams-failure", "operator")
    d.receive(wait, "Wait for the operator", (9.5, row + 1), "operator-manual-recovery", "operator")
    d.timeout(timer, "Try again", wait, "operatorRecheckInterval", side="bottom")
    d.choice(decided, "Settled by hand?", (10.5, row + 1))
    d.end(end, end_name, (11.5, row + 1))
    no = {"when": f"{failed} = true", "name": "no"}
    d.flow(gateway, notify, leave="bottom", enter="top", **no)
    d.line(notify, wait, decided)
    d.flow(decided, end, when="operatorManualOverride = true", name="yes")
    back = [Row(row + 1.7), Column(7.5)]
    d.flow(decided, task, default=True, name="no", leave="bottom", enter="bottom", via=back)
    d.flow(timer, task, leave="bottom", enter="bottom", via=back)


def _legend(d: Drawing) -> None:
    text = (
        "Blue: the scheme. Green: the ledger. Violet: the payer and the channel. "
        "Orange: an operator.\nIn the lower half the payer's money is held: every way out "
        "books it, releases it, or was settled by an operator."
    )
    d.note("TextAnnotation_Legend", text, (0.6, MONEY + 2.1), 420, 64)
