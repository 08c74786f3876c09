"""The payee's side of a fund transfer: quote, reserve the deposit, then commit or release it."""

from __future__ import annotations

from flow_drawing.drawing import Column, Drawing, Row


def draw() -> Drawing:
    """The drawing of ``PayeeQuoteTransfer-DFSPID``."""
    drawing = Drawing("PayeeQuoteTransfer-DFSPID", "Payee quote and transfer")
    drawing.message("transfer-message", "transactionId")
    drawing.message("quote-error", "quoteId")
    drawing.message("transfer-committed", "transactionId")
    _quote(drawing)
    _await_transfer(drawing)
    _prepare(drawing)
    _await_commit(drawing)
    _commit(drawing)
    _release(drawing)
    return drawing


def _quote(d: Drawing) -> None:
    d.start("StartEvent_QuoteRequested", "Quote requested", (0, 1))
    d.job("Task_Quote", "Work out the quote", (1, 1), "payee-quote-DFSPID", "ledger")
    d.choice("Gateway_Quoted", "Quoted?", (2, 1))
    answer = "payee-quote-response-DFSPID"
    d.job("Task_AnswerQuote", "Answer with the quote", (3, 1), answer, "scheme")
    d.job("Task_AnswerNotQuoted", "Answer with the error", (2, 2), answer, "scheme")
    d.end("EndEvent_Failed_Quote", "No quote", (3, 2))
    d.line("StartEvent_QuoteRequested", "Task_Quote", "Gateway_Quoted")
    failed = {"when": "quoteFailed = true", "name": "no"}
    d.flow("Gateway_Quoted", "Task_AnswerQuote", default=True, name="yes")
    d.flow("Gateway_Quoted", "Task_AnswerNotQuoted", leave="bottom", enter="top", **failed)
    d.line("Task_AnswerNotQuoted", "EndEvent_Failed_Quote")


def _await_transfer(d: Drawing) -> None:
    d.race("Gateway_AwaitTransfer", "Wait for the transfer", (4, 1))
    d.message_event("Event_TransferReceived", "Transfer received", (5, 1), "transfer-message")
    d.message_event("Event_QuoteRejected", "Quote rejected", (5, 2), "quote-error")
    d.timer_event("Timer_TransferWindow", "No transfer in time", (5, 3), "transferWindow")
    d.end("EndEvent_Failed_QuoteRejected", "Quote rejected", (6, 2))
    d.end("EndEvent_Failed_NoTransfer", "No transfer", (6, 3))
    d.line("Task_AnswerQuote", "Gateway_AwaitTransfer", "Event_TransferReceived")
    d.flow("Gateway_AwaitTransfer", "Event_QuoteRejected", leave="bottom")
    d.flow("Gateway_AwaitTransfer", "Timer_TransferWindow", leave="bottom")
    d.line("Event_QuoteRejected", "EndEvent_Failed_QuoteRejected")
    d.line("Timer_TransferWindow", "EndEvent_Failed_NoTransfer")


def _prepare(d: Drawing) -> None:
    prepare, answer = "payee-prepare-transfer-DFSPID", "payee-transfer-response-DFSPID"
    d.job("Task_PrepareDeposit", "Reserve the deposit", (6, 1), prepare, "ledger")
    d.choice("Gateway_Prepared", "Reserved?", (7, 1))
    d.job("Task_AnswerTransfer", "Answer: reserved", (8, 1), answer, "scheme")
    d.job("Task_AnswerNotPrepared", "Answer with the error", (7, 2), answer, "scheme")
    d.end("EndEvent_Failed_Prepare", "Not reserved", (8, 2))
    d.line("Event_TransferReceived", "Task_PrepareDeposit", "Gateway_Prepared")
    failed = {"when": "transferPrepareFailed = true", "name": "no"}
    d.flow("Gateway_Prepared", "Task_AnswerTransfer", default=True, name="yes")
    d.flow("Gateway_Prepared", "Task_AnswerNotPrepared", leave="bottom", enter="top", **failed)
    d.line("Task_AnswerNotPrepared", "EndEvent_Failed_Prepare")


def _await_commit(d: Drawing) -> None:
    d.race("Gateway_AwaitCommit", "Wait for the scheme", (9.2, 1))
    d.message_event("Event_SchemeDecided", "Scheme decided", (10.2, 1), "transfer-committed")
    d.timer_event("Timer_SchemeSilent", "No answer", (10.2, 2), "responseTimeout")
    ask = "get-transfer-state-DFSPID"
    d.job("Task_AskScheme", "Ask what became of it", (11.2, 2), ask, "scheme")
    d.choice("Gateway_StateKnown", "Outcome known?", (12.2, 2), "right")
    d.choice("Gateway_Committed", "Committed?", (12.2, 1), "top-left")
    d.line("Task_AnswerTransfer", "Gateway_AwaitCommit", "Event_SchemeDecided", "Gateway_Committed")
    d.flow("Gateway_AwaitCommit", "Timer_SchemeSilent", leave="bottom")
    d.line("Timer_SchemeSilent", "Task_AskScheme", "Gateway_StateKnown")
    known = {"when": "transferStateKnown = true", "name": "yes"}
    d.flow("Gateway_StateKnown", "Gateway_Committed", leave="top", enter="bottom", **known)
    back = [Row(2.6), Column(8.85), Row(1)]
    d.flow(
        "Gateway_StateKnown",
        "Gateway_AwaitCommit",
        default=True,
        name="no",
        leave="bottom",
        via=back,
    )


def _commit(d: Drawing) -> None:
    commit, report = "payee-commit-transfer-DFSPID", "send-success-to-channel"
    d.job("Task_CommitDeposit", "Book the deposit", (13.4, 1), commit, "ledger")
    d.choice("Gateway_Booked", "Booked?", (14.4, 1))
    d.job("Task_ReportSuccess", "Tell the channel: done", (15.4, 1), report, "customer")
    d.end("EndEvent_Completed", "Completed", (16.4, 1))
    notify = "notify-ams-failure"
    d.job("Task_NotifyBookingFailed", "Call an operator", (14.4, 2), notify, "operator")
    d.timer_event("Timer_BookAgain", "Try again", (13.4, 2), "operatorRecheckInterval")
    committed = {"when": 'transferState = "COMMITTED"', "name": "yes"}
    d.flow("Gateway_Committed", "Task_CommitDeposit", **committed)
    d.line("Task_CommitDeposit", "Gateway_Booked")
    d.flow("Gateway_Booked", "Task_ReportSuccess", default=True, name="yes")
    failed = {"when": "transferCreateFailed = true", "name": "no"}
    notify_flow = {"leave": "bottom", "enter": "top", **failed}
    d.flow("Gateway_Booked", "Task_NotifyBookingFailed", **notify_flow)
    d.flow("Task_NotifyBookingFailed", "Timer_BookAgain", leave="left", enter="right")
    d.flow("Timer_BookAgain", "Task_CommitDeposit", leave="top", enter="bottom")
    d.line("Task_ReportSuccess", "EndEvent_Completed")


def _release(d: Drawing) -> None:
    release = "payee-release-transfer-DFSPID"
    d.job("Task_ReleaseDeposit", "Give up the deposit", (13.4, 0), release, "ledger")
    d.end("EndEvent_Failed_Released", "Failed, nothing deposited", (14.4, 0))
    decided = {"default": True, "name": "no", "leave": "top", "enter": "left"}
    d.flow("Gateway_Committed", "Task_ReleaseDeposit", **decided)
    d.line("Task_ReleaseDeposit", "EndEvent_Failed_Released")
