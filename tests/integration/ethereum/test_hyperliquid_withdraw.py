"""A withdrawal from the emulated on-chain venue, signed on a device; ccxt reads it before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from coincurve import PrivateKey

from emulator.device.personas import PERSONAS
from emulator.device.server import DeviceEmulator
from emulator.venues.engine.paper_chain import PaperChain
from emulator.venues.hyperliquid.profile import BRIDGE
from tests.support.ethereum_data import PATH
from tests.support.hyperliquid_world import (
    ACCOUNT,
    COLD,
    KEY,
    NETWORK,
    OWNER,
    HyperliquidWorld,
    hyperliquid_world,
    now_ms,
    request_of,
    signed,
    withdrawal,
)
from vault.canonical import canonical_json
from vault.device.connection.keyboard import Keyboard
from vault.device.ethereum.request import EthereumAccount
from vault.errors import OutcomeUnknownError, VaultError, VenueError, WrongDeviceError
from vault.ethereum.hyperliquid.actions import SignedAction
from vault.money import USDC, Amount
from vault.treasury.ethereum.hyperliquid import sign_action
from vault.venues import protocol

MNEMONIC = "all all all all all all all all all all all all"
ALL_ALL = "0x73d0385F4d8E00C5e6504C6030F47BF6212736A8"  # its address at m/44'/60'/0'/0/0
KINDS = {name: "onekey" if name.startswith("onekey") else "trezor" for name in PERSONAS}


@pytest.fixture
def world() -> Iterator[HyperliquidWorld]:
    with hyperliquid_world() as made:
        yield made


@pytest.fixture
def device_signs() -> Callable[..., SignedAction]:
    """A device of a persona signs an action for the account of its own seed, or another's."""
    from vault.device.session import open_device

    def sign(persona: str, action: Any, mnemonic: str = MNEMONIC) -> SignedAction:
        agreeing = Keyboard(confirm=lambda _: True)
        with (
            DeviceEmulator(mnemonic=mnemonic, persona=persona, mode="auto") as device,
            open_device(
                device.path,
                kind=KINDS[persona],
                expected_fingerprint=device.root_fingerprint,
                timeout_s=10.0,
                keyboard=agreeing,
            ) as session,
        ):
            return sign_action(session, EthereumAccount(PATH, ALL_ALL), action)

    return sign


def settle(world: HyperliquidWorld) -> None:
    world.control.tick(3)


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_withdrawal_signed_on_the_device_leaves_the_venue_and_ccxt_sees_it(
    device_signs: Callable[..., SignedAction], persona: str
) -> None:
    with hyperliquid_world(owner=ALL_ALL) as world:
        ccxt = world.ccxt()
        before = ccxt.fetch_balance()
        assert ccxt.fetch_withdrawals() == []
        assert before["USDC"]["total"] == 101_500
        assert {each["symbol"]: each["contracts"] for each in ccxt.fetch_positions()} == {
            "BTC/USDC:USDC": 0.5,
            "SOL/USDC:USDC": 100,
        }

        action = withdrawal("25000.5")
        request = request_of(device_signs(persona, action))
        receipt = world.withdraw(request)
        settle(world)

        assert receipt.venue_id == str(action.nonce)
        after = ccxt.fetch_balance()
        assert after["info"]["marginSummary"]["accountValue"] == "76499.5"
        (listed,) = ccxt.fetch_withdrawals()
        assert listed["info"]["delta"] == {
            "type": "withdraw", "usdc": "24999.5", "nonce": action.nonce, "fee": "1.0",
        }  # fmt: skip
        assert isinstance(world.chain, PaperChain)
        assert [(to, units) for to, units, _ in world.chain.paid] == [(COLD.lower(), 24_999_500_000)]
        found = world.search(request).found
        assert (found.gross, found.fee, found.address) == (request.amount, Amount.parse("1", USDC), COLD)


def test_the_bytes_that_leave_are_the_signed_ones_and_nothing_else(world: HyperliquidWorld) -> None:
    made = signed(withdrawal())
    world.withdraw(request_of(made))
    (body,) = world.posts()
    assert canonical_json(body) == made.text()


def test_the_same_action_sent_again_takes_effect_once_and_is_not_called_refused(
    world: HyperliquidWorld,
) -> None:
    request = request_of(signed(withdrawal("1000")))
    world.withdraw(request)
    again = world.refusal(request)
    assert isinstance(
        again, OutcomeUnknownError
    )  # it may have been ours that used the nonce: the ledger tells
    assert len(world.posts()) == 2
    settle(world)
    assert world.search(request).found.amount == Amount.parse("999", USDC)
    assert world.held()["perp"]["USDC"] == "99000"


@pytest.mark.parametrize(
    "kind", ["drop_connection_after", "504_after_recording", "http_500_after_recording", "broken_json"]
)
def test_an_answer_that_is_lost_is_unknown_and_the_ledger_settles_it(
    world: HyperliquidWorld, kind: str
) -> None:
    request = request_of(signed(withdrawal("1000")))
    world.control.fault(kind, "/exchange")
    assert isinstance(world.refusal(request), OutcomeUnknownError)
    assert not world.search(request).proves_absence(request.not_after)
    settle(world)
    assert world.search(request).found.venue_id == str(withdrawal_nonce(request))
    assert len(world.posts()) == 1


def withdrawal_nonce(request: Any) -> int:
    return SignedAction.parse(request.signed_action).action.nonce


def test_a_request_that_got_lost_proves_nothing_for_two_days(world: HyperliquidWorld) -> None:
    request = request_of(signed(withdrawal("1000")))
    world.control.fault("504_before_recording", "/exchange")
    assert isinstance(world.refusal(request), OutcomeUnknownError)
    searched = world.search(request)
    assert searched.found is None
    assert not searched.proves_absence(request.not_after)
    assert (searched.answered_at - searched.covers_until).days == 2
    # What anybody could still post is posted again as it is, and takes effect once.
    world.withdraw(request)
    settle(world)
    assert world.held()["perp"]["USDC"] == "99000"


@pytest.mark.parametrize(
    "changes",
    [
        {"address": OWNER},
        {"amount": Amount.parse("1001", USDC)},
        {"signed_action": ""},
        {"signed_action": "{}"},
        {"signed_action": "not json"},
        {"fee": Amount.parse("2", USDC)},
        {"network": "Ethereum"},
        {"asset": "ETH"},
    ],
)
def test_what_was_not_signed_for_is_never_posted(world: HyperliquidWorld, changes: dict[str, Any]) -> None:
    error = world.refusal(request_of(signed(withdrawal("1000")), **changes))
    assert isinstance(error, VaultError)
    assert not isinstance(error, OutcomeUnknownError)
    assert world.posts() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("destination", OWNER.lower()), ("amount", "1001"), ("time", 1_795_000_000_001), ("type", "usdSend")],
)
def test_an_action_altered_after_it_was_signed_is_never_posted(
    world: HyperliquidWorld, field: str, value: Any
) -> None:
    request = request_of(signed(withdrawal("1000")))
    said = json.loads(request.signed_action)
    said["action"][field] = value
    assert world.refusal(replace(request, signed_action=json.dumps(said))).code == "venue.other_action"
    assert world.posts() == []


def test_the_venue_refuses_an_action_altered_together_with_what_is_asked_for(world: HyperliquidWorld) -> None:
    """A host that alters plan and action alike gets as far as the venue, which finds another signer."""
    made = signed(withdrawal("1000"))
    greedy = replace(made, action=replace(made.action, amount=Amount.parse("90000", USDC)))
    error = world.refusal(request_of(greedy))
    assert isinstance(error, VenueError)
    assert error.details["venue_code"] == "unknown_signer"
    assert world.held()["perp"]["USDC"] == "100000"


def test_another_device_signs_for_its_own_address_and_is_refused_before_that(
    world: HyperliquidWorld, device_signs: Callable[..., SignedAction]
) -> None:
    with pytest.raises(WrongDeviceError):
        device_signs("trezor-core", withdrawal(), "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong")
    stranger = signed(withdrawal("1000"), PrivateKey(b"\x22" * 32))
    error = world.refusal(request_of(stranger))
    assert (error.code, error.details["venue_code"]) == ("venue.refused", "unknown_signer")
    assert world.held()["perp"]["USDC"] == "100000"


def test_more_than_the_margin_leaves_is_refused_and_the_nonce_is_gone(world: HyperliquidWorld) -> None:
    request = request_of(signed(withdrawal("99000")))
    assert world.refusal(request).details["venue_code"] == "insufficient_balance"
    assert isinstance(world.refusal(request), OutcomeUnknownError)
    assert world.search(request).found is None


def test_a_nonce_of_the_future_is_refused_as_a_matter_of_clocks(world: HyperliquidWorld) -> None:
    ahead = signed(withdrawal("1000", nonce=now_ms() + 2 * 86_400_000))
    error = world.refusal(request_of(ahead))
    assert (error.code, error.details["passing"]) == ("venue.refused", "yes")


def test_the_account_and_its_ways_in_and_out_are_read_without_any_key(world: HyperliquidWorld) -> None:
    account = world.ask(protocol.READ_ACCOUNT)
    assert (account.equity, account.maintenance_margin) == (Decimal("101500"), Decimal("1125"))
    balance = world.ask(protocol.SPOT_BALANCE, protocol.AssetArguments("USDC"))
    assert balance.free == Amount.parse("92500", USDC)
    assert world.ask(protocol.SPOT_BALANCE, protocol.AssetArguments("BTC")).free.units == 0
    place = world.ask(protocol.DEPOSIT_ADDRESS, protocol.NetworkArguments(*NETWORK))
    assert (place.address.lower(), place.wallet) == (BRIDGE, "margin")
    network = world.ask(protocol.NETWORK_INFO, protocol.NetworkArguments(*NETWORK))
    assert (network.fee, network.deposit_minimum) == (Amount.parse("1", USDC), Amount.parse("5", USDC))
    assert world.settings.name == ACCOUNT


def test_a_deposit_is_found_by_its_transaction_once_the_sender_is_credited(world: HyperliquidWorld) -> None:
    txid = world.control.receive(*NETWORK[:1], BRIDGE, "300.5", network=NETWORK[1], tag=OWNER)
    since = request_of(signed(withdrawal())).not_after.replace(year=2025)
    asked = protocol.DepositArguments(*NETWORK, txid, BRIDGE, since)
    assert world.ask(protocol.FIND_DEPOSIT, asked).deposit is None
    settle(world)
    found = world.ask(protocol.FIND_DEPOSIT, asked).deposit
    assert (found.state, found.amount) == ("credited", Amount.parse("300.5", USDC))
    (seen,) = world.ccxt().fetch_deposits()
    assert (seen["amount"], seen["txid"]) == (300.5, txid)


def test_the_bridge_on_the_emulated_arbitrum_pays_and_our_reading_finds_the_payment() -> None:
    from eth_keys import keys

    from emulator.chains.ethereum.chain import EthereumChain
    from emulator.chains.ethereum.deploy import ARBITRUM_USDC, calldata, mint, prepare, token_balance
    from emulator.chains.ethereum.server import EthereumServer
    from emulator.venues.hyperliquid.bridge import BridgePort, place_bridge
    from vault.ethereum.hyperliquid.bridge import Payout, payout_topics, payouts
    from vault.ethereum.node.base import LogFilter
    from vault.ethereum.node.client import NodeClient
    from vault.evm.address import evm_checksummed

    chain = EthereumChain(chain_id=42161)
    prepare(chain)
    place_bridge(chain)
    mint(chain, ARBITRUM_USDC, BRIDGE, 1_000_000_000_000)
    mint(chain, ARBITRUM_USDC, OWNER, 400_000_000)
    chain.fund(OWNER, 10**18)
    port = BridgePort(chain)
    with hyperliquid_world(chain=port) as world:
        chain.pay(
            keys.PrivateKey(KEY.secret),
            bytes.fromhex(ARBITRUM_USDC[2:]),
            data=calldata("transfer(address,uint256)", BRIDGE, 400_000_000),
        )
        settle(world)
        assert world.held()["perp"]["USDC"] == "100400"
        action = withdrawal("25000.5")
        world.withdraw(request_of(signed(action)))
        settle(world)
        assert token_balance(chain, ARBITRUM_USDC, COLD) == 24_999_500_000
        assert token_balance(chain, ARBITRUM_USDC, BRIDGE) == 975_400_500_000
    with EthereumServer(chain) as server:
        node = NodeClient(server.url, 42161)
        bridge = evm_checksummed(BRIDGE)
        topic, user = payout_topics(OWNER)
        logs = node.logs(LogFilter(0, node.tip().number, (bridge,), ((topic,), (user,))))
        paid = Payout(OWNER, COLD, Amount.parse("24999.5", USDC), action.nonce)
        (txid,) = payouts(((log.transaction_hash, log.event) for log in logs), paid)
        assert node.receipt(txid) is not None
    with pytest.raises(ValueError, match="reverted"):
        port.pay(COLD, 24_999_500_000, f"{OWNER.lower()}:{action.nonce}")
