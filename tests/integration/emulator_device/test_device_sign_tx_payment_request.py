"""SignTx with payment requests (SLIP-24): signed words about outputs, and what bends them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from trezorlib import btc, exceptions, messages, misc
from trezorlib.tools import parse_path

from emulator.device.server import DeviceEmulator

m: Any = messages
WITNESS = m.InputScriptType.SPENDWITNESS
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
OTHER_STRANGER = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"
# The development key that debug builds of the firmware trust; its private half is published.
MERCHANT = ECC.construct(curve="P-256", d=0x056235B0476F057F2765219724F7F1807D58802B550ED5BF6F73050AF5456300)
REGTEST_SLIP44 = 1


def _prefixed(data: bytes) -> bytes:
    assert len(data) < 253
    return bytes([len(data)]) + data


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "little")


def _memo(memo: Any) -> bytes:
    if memo.text_memo:
        return _u32(1) + _prefixed(memo.text_memo.text.encode())
    if memo.refund_memo:
        return _u32(2) + _prefixed(memo.refund_memo.address.encode())
    if memo.coin_purchase_memo:
        buy = memo.coin_purchase_memo
        return (
            _u32(3) + _u32(buy.coin_type) + _prefixed(buy.amount.encode()) + _prefixed(buy.address.encode())
        )
    return (
        _u32(4)
        + _prefixed(memo.text_details_memo.title.encode())
        + _prefixed(memo.text_details_memo.text.encode())
    )


def request(outputs: list[tuple[int, str]], nonce: bytes | None, memos: list[Any] | None = None) -> Any:
    """A request the merchant signed."""
    memos = memos or []
    digest = b"SL\x00\x24" + _prefixed(nonce or b"") + _prefixed(b"merchant") + bytes([len(memos)])
    digest += b"".join(_memo(memo) for memo in memos) + _u32(REGTEST_SLIP44)
    listed = b"".join(amount.to_bytes(8, "little") + _prefixed(text.encode()) for amount, text in outputs)
    digest += hashlib.sha256(listed).digest()
    return m.PaymentRequest(
        recipient_name="merchant",
        nonce=nonce,
        memos=memos,
        amount=sum(amount for amount, _ in outputs).to_bytes(8, "little"),
        signature=DSS.new(MERCHANT, "deterministic-rfc6979").sign(SHA256.new(digest)),
    )


def pay(amount: int, address: str = STRANGER, index: int | None = 0) -> Any:
    return m.TxOutputType(address=address, amount=amount, payment_req_index=index)


def names(bench: Any) -> list[str]:
    return [screen.name for screen in bench.device.screens]


def refuse(bench: Any, text: str, outputs: list[Any], requests: list[Any]) -> None:
    with pytest.raises(exceptions.TrezorFailure) as caught:
        bench.sign([bench.fund(WITNESS, 100_000)], outputs, payment_reqs=requests)
    assert f"{caught.value.code.name}: {caught.value.message}" == text
    assert bench.client.ping("alive") == "alive"


def test_outputs_of_a_request_are_shown_as_the_merchants(bench: Any) -> None:
    nonce = misc.get_nonce(bench.session)
    wanted = request([(30_000, STRANGER), (20_000, OTHER_STRANGER)], nonce)
    outputs = [pay(30_000), pay(20_000, OTHER_STRANGER), bench.change(WITNESS, 40_000)]
    _, serialized = bench.sign([bench.fund(WITNESS, 100_000)], outputs, payment_reqs=[wanted])
    assert bench.accepted_by_kernel(serialized)
    assert names(bench) == ["confirm_payment_request", "confirm_total"]
    assert "merchant" in bench.device.screens[0].lines


def test_change_inside_a_request_is_named_by_its_address(bench: Any) -> None:
    change = bench.change(WITNESS, 40_000)
    change.payment_req_index = 0
    listed = [(50_000, STRANGER), (40_000, bench.address(WITNESS, "1/0"))]
    wanted = request(listed, misc.get_nonce(bench.session))
    wanted.amount = (50_000).to_bytes(8, "little")  # change is not what the merchant is paid
    _, serialized = bench.sign([bench.fund(WITNESS, 100_000)], [pay(50_000), change], payment_reqs=[wanted])
    assert bench.accepted_by_kernel(serialized)


def test_several_requests_and_a_plain_payment_in_one_transaction(bench: Any) -> None:
    first = request([(30_000, STRANGER)], None)
    second = request([(20_000, OTHER_STRANGER)], misc.get_nonce(bench.session))
    outputs = [pay(30_000), pay(20_000, OTHER_STRANGER, 1), pay(10_000, index=None)]
    bench.sign([bench.fund(WITNESS, 100_000)], outputs, payment_reqs=[first, second])
    asked = ["confirm_payment_request"] * 2 + ["confirm_output"] * 2 + ["confirm_total"]
    assert [name for name in names(bench) if name != "fee_over_threshold"] == asked


def test_memos_are_shown_and_their_addresses_must_be_ours(bench: Any) -> None:
    path = parse_path("m/84h/1h/0h/0/9")
    ours = btc.get_authenticated_address(bench.session, "Regtest", path, script_type=WITNESS)
    refund = m.RefundMemo(address=ours.address, address_n=path, mac=ours.mac)
    memos = [
        m.PaymentRequestMemo(text_memo=m.TextMemo(text="Invoice 7")),
        m.PaymentRequestMemo(text_details_memo=m.TextDetailsMemo(title="Why", text="because")),
        m.PaymentRequestMemo(refund_memo=refund),
    ]
    bench.sign(
        [bench.fund(WITNESS, 100_000)],
        [pay(90_000)],
        payment_reqs=[request([(90_000, STRANGER)], misc.get_nonce(bench.session), memos)],
    )
    texts = "\n".join(screen.text for screen in bench.device.screens)
    assert all(part in texts for part in ("Invoice 7", "Why", "because", ours.address))
    refund.mac = bytes([ours.mac[0] ^ 1]) + ours.mac[1:]
    bent = request([(90_000, STRANGER)], misc.get_nonce(bench.session), memos)
    refuse(bench, "DataError: Invalid address MAC.", [pay(90_000)], [bent])


# Refusals


def test_a_nonce_is_good_once_and_only_the_last_one(bench: Any) -> None:
    old, nonce = misc.get_nonce(bench.session), misc.get_nonce(bench.session)
    stale, fresh = request([(90_000, STRANGER)], old), request([(90_000, STRANGER)], nonce)
    refuse(bench, "DataError: Invalid nonce in payment request.", [pay(90_000)], [stale])
    bench.sign([bench.fund(WITNESS, 100_000)], [pay(90_000)], payment_reqs=[fresh])
    refuse(bench, "DataError: Invalid nonce in payment request.", [pay(90_000)], [fresh])


def _no_nonce_for_memos(wanted: Any) -> None:
    wanted.nonce = None
    wanted.memos = [m.PaymentRequestMemo(text_memo=m.TextMemo(text="x"))]


def _two_kinds_of_memo(wanted: Any) -> None:
    text = m.TextMemo(text="x")
    details = m.TextDetailsMemo(title="x", text="x")
    wanted.memos = [m.PaymentRequestMemo(text_memo=text, text_details_memo=details)]


def _no_kind_of_memo(wanted: Any) -> None:
    wanted.memos = [m.PaymentRequestMemo()]


def _other_amount(wanted: Any) -> None:
    wanted.amount = (89_999).to_bytes(8, "little")


def _long_amount(wanted: Any) -> None:
    wanted.amount = (90_000).to_bytes(16, "little")


def _no_amount(wanted: Any) -> None:
    wanted.amount = None


def _other_name(wanted: Any) -> None:
    wanted.recipient_name = "merchant "


def _bent_signature(wanted: Any) -> None:
    wanted.signature = wanted.signature[:-1] + bytes([wanted.signature[-1] ^ 1])


def _short_signature(wanted: Any) -> None:
    wanted.signature = wanted.signature[:-1]


def _other_memo(wanted: Any) -> None:
    wanted.memos = [m.PaymentRequestMemo(text_memo=m.TextMemo(text="not signed"))]


ONE_MEMO = "Exactly one memo type must be specified in each PaymentRequestMemo."
BAD_SIGNATURE = "Invalid signature in payment request."


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_no_nonce_for_memos, "Missing nonce in payment request."),
        (_two_kinds_of_memo, ONE_MEMO),
        (_no_kind_of_memo, ONE_MEMO),
        (_other_amount, "Invalid amount in payment request."),
        (_long_amount, "amount must be exactly 8 bytes"),
        (_no_amount, "Missing payment request amount."),
        (_other_name, BAD_SIGNATURE),
        (_bent_signature, BAD_SIGNATURE),
        (_short_signature, BAD_SIGNATURE),
        (_other_memo, BAD_SIGNATURE),
    ],
)
def test_refuses_a_request_that_was_bent(bench: Any, spoil: Callable[[Any], None], text: str) -> None:
    wanted = request([(90_000, STRANGER)], misc.get_nonce(bench.session))
    spoil(wanted)
    refuse(bench, f"DataError: {text}", [pay(90_000)], [wanted])


def test_refuses_outputs_other_than_the_requests(bench: Any) -> None:
    for outputs, text in (
        ([pay(90_000, OTHER_STRANGER)], BAD_SIGNATURE),
        ([pay(80_000), pay(10_000)], BAD_SIGNATURE),
        ([pay(89_999)], "Invalid amount in payment request."),
        ([pay(89_999), pay(1, index=None)], "Invalid amount in payment request."),
    ):
        wanted = request([(90_000, STRANGER)], misc.get_nonce(bench.session))
        refuse(bench, f"DataError: {text}", outputs, [wanted])


def test_a_request_does_not_go_on_after_another_output(bench: Any) -> None:
    wanted = request([(60_000, STRANGER), (10_000, STRANGER)], None)
    outputs = [pay(60_000), pay(20_000, index=None), pay(10_000)]
    refuse(bench, "DataError: Invalid amount in payment request.", outputs, [wanted])


def test_refuses_op_return_in_a_request(bench: Any) -> None:
    data = m.TxOutputType(
        amount=0,
        op_return_data=b"x",
        script_type=m.OutputScriptType.PAYTOOPRETURN,
        payment_req_index=0,
    )
    wanted = request([(90_000, STRANGER)], misc.get_nonce(bench.session))
    refuse(bench, "FirmwareError: ", [pay(90_000), data], [wanted])


def test_a_device_that_knows_no_requests_asks_about_the_output(
    connected: Callable[..., Any], bench: Any
) -> None:
    with DeviceEmulator(mnemonic="abandon " * 11 + "about", mode="auto", persona="trezor-one") as device:
        client = connected(device)
        one = type(bench)(device, client, client.get_session(""))
        one.sign([one.fund(WITNESS, 100_000)], [pay(90_000)])
        assert "confirm_output" in names(one)
