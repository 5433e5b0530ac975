"""A venue that echoes keys, whole, cut, in its text or in its code: none is left in an error or behind it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, VaultError, VenueError
from vault.secrets import Secret
from vault.venues.kraken.account import Kraken
from vault.venues.line.connection import Connection, without
from vault.venues.line.outcome import MAX_MESSAGE
from vault.venues.line.transport import SendPermit
from vault.venues.okx.account import Okx

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
KEYS = {
    "key": "key-5c1f0a-0123456789",
    "secret": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA==",
    "password": "phrase-31-abcdefgh",
}


class Answering(BaseHTTPRequestHandler):
    body = b""
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def okx(body: str, status: int = 200) -> Iterator[Connection]:
    kind = type("Answer", (Answering,), {"body": body.encode(), "status": status})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        settings = VenueSettings(name="a", exchange="okx", account_uid="1", url=url, timeout_seconds=2)
        keys = {name: Secret(text) for name, text in KEYS.items()}
        yield Connection(settings, keys, ManualClock(NOW), Okx.endpoints())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def failure(ask: Connection, *, sends: bool) -> VaultError:
    with pytest.raises((VenueError, OutcomeUnknownError)) as caught:
        if sends:
            permit = SendPermit(NOW + timedelta(minutes=1))
            ask.send("privatePostAssetWithdrawal", {"ccy": "BTC"}, permit, lambda answer: answer.text("x"))
        else:
            ask.get("privateGetAccountConfig")
    return caught.value


def everything(error: BaseException | None) -> str:
    """What the error says, and what all that hangs on it says."""
    seen = ""
    while error is not None:
        seen += (
            repr(error) + str(error) + str(getattr(error, "details", "")) + str(getattr(error, "hint", ""))
        )
        error = error.__cause__ or error.__context__
    return seen


@pytest.mark.parametrize("sends", [False, True])
@pytest.mark.parametrize("status", [200, 401, 500])
@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("place", ["msg", "code", "cut", "html"])
def test_a_key_that_a_venue_echoes_is_nowhere_in_the_error(
    name: str, place: str, status: int, sends: bool
) -> None:
    secret = KEYS[name]
    bodies = {
        "msg": json.dumps({"code": "50113", "msg": f"bad {secret} and {secret}", "data": []}),
        "code": json.dumps({"code": secret, "msg": "bad", "data": []}),
        "cut": json.dumps({"code": "50113", "msg": "x" * (MAX_MESSAGE - 12) + secret, "data": []}),
        "html": f"<html>{secret}</html>",
    }
    with okx(bodies[place], status) as ask:
        told = everything(failure(ask, sends=sends))
    assert secret not in told
    assert secret[:12] not in told


def test_nothing_is_chained_to_the_error_of_a_request() -> None:
    """What the library raises holds the address it asked, and that is signed at some exchanges."""
    for sends in (False, True):
        with okx("<html>no</html>", 503) as ask:
            error = failure(ask, sends=sends)
        assert (error.__cause__, error.__context__) == (None, None)


def test_an_ordinary_word_is_left_as_it_is() -> None:
    assert without("the key is bad", ("key-5c1f0a-0123456789",)) == "the key is bad"
    assert without("", ("",)) == ""


def test_no_endpoint_that_reads_is_one_that_sends_at_any_exchange() -> None:
    from vault.venues.common.kinds import KINDS, account_kind

    words = (
        "Withdraw",
        "Transfer",
        "Order",
        "Margin",
        "Leverage",
        "Borrow",
        "Repay",
        "Loan",
        "Delete",
        "Cancel",
    )
    # Lists, told by their names in the exchanges' own documentation; every one was looked up there.
    lists = {
        "privateGetV5AccountWithdrawal",
        "privateGetV5AssetTransferQueryInterTransferList",
        "privateGetV5AssetWithdrawQueryAddress",
        "privateGetV5AssetWithdrawQueryRecord",
        "privateGetV5AssetWithdrawWithdrawableAmount",
        "privateGetAccountMaxWithdrawal",
        "privateGetAssetWithdrawalHistory",
        "privateGetAssetTransferState",
        "privateGetGetWithdrawals",
        "privatePostWithdrawAddresses",
        "privatePostWithdrawInfo",
        "privatePostWithdrawMethods",
        "privatePostWithdrawStatus",
        "sapiGetAssetTransfer",
        "sapiGetCapitalWithdrawAddressList",
        "sapiGetCapitalWithdrawHistory",
        "dapiPrivateV2GetLeverageBracket",
        "fapiPrivateGetLeverageBracket",
        "papiGetCmLeverageBracket",
        "papiGetUmLeverageBracket",
        "privateUtaGetV3AccountMaxTransferable",
        "privateUnifiedGetTransferables",
    }
    for exchange in KINDS:
        kind = account_kind(exchange)
        for endpoints in (kind.endpoints(), *kind.BESIDE.values()):
            assert not endpoints.sends & (endpoints.reads | endpoints.public)
            for name in endpoints.reads:
                assert name in lists or not any(word in name for word in words), name
                assert "Get" in name or exchange in {"kraken", "hyperliquid"}, name


def test_the_secret_of_the_futures_side_is_cleaned_too() -> None:
    settings = VenueSettings(name="a", exchange="kraken", account_uid="1", url="http://127.0.0.1:9")
    keys = {
        "key": Secret("spot-key-aaaaaaaa"), "secret": Secret("c3BvdA=="),
        "futures_key": Secret("futures-key-bbbbbbbb"), "futures_secret": Secret("ZnV0dXJlcw=="),
    }  # fmt: skip
    line = Connection(settings, keys, ManualClock(NOW), Kraken.endpoints(), beside=Kraken.BESIDE)
    error = line.other("krakenfutures")._clean(VenueError("x", "futures-key-bbbbbbbb spot-key-aaaaaaaa"))
    assert "bbbb" not in error.message
    assert "aaaa" not in error.message
