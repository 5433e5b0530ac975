"""What a device asks before it signs for Ethereum, what it refuses, and how it takes data.

No signature without every question answered; each make in its own order and words. Played with
trezorlib as it is, and with raw messages where it would not send them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account
from eth_utils import to_checksum_address
from trezorlib import client as trezor_client
from trezorlib import ethereum, exceptions, mapping, protocol_v1
from trezorlib import messages as m
from trezorlib.models import TrezorModel
from trezorlib.tools import parse_path
from trezorlib.transport import get_transport

from emulator.device.ethereum import onekey_messages as own
from emulator.device.server import DeviceEmulator

pytestmark = pytest.mark.usefixtures("connected")  # reads end after five seconds

ABANDON = "abandon " * 11 + "about"
PATH = parse_path("m/44h/60h/0h/0/0")
TO = to_checksum_address("0x1d1c328764a41bda0492b66baa30c4a339ff85ef")
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
STRANGER = "ee" * 20
KNOWN_VAULT = "0xde6c23E561F3e55846207EC45A91b777e0F7C889"
MERKL = "0x3Ef3D8bA38EBe18DB133cEc108f4D14CE00Dd9Ae"
ALL = ("trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro")


def account_of_others() -> Any:
    """The same key in eth-account's hands."""
    Account.enable_unaudited_hdwallet_features()
    return Account.from_mnemonic(ABANDON, account_path="m/44'/60'/0'/0/0")


def words(*values: int | str) -> str:
    """ABI words as hex; addresses are given as hex text."""
    return "".join(f"{v:064x}" if isinstance(v, int) else v.rjust(64, "0") for v in values)


def session_of(device: DeviceEmulator, button_callback: Any = None) -> Any:
    known = mapping.ProtobufMapping.from_module(m)
    for name in ("EthereumTxRequestOneKey", "EthereumAddressOneKey"):
        known.register(getattr(own, name))
    model = None
    if device.persona.startswith("onekey"):
        model = TrezorModel("OneKey", "ONEKEY", (0, 0, 0), ("onekey.so",), (), known)
    manifest = trezor_client.AppManifest("tests", button_callback=button_callback)
    client = protocol_v1.TrezorClientV1(manifest, get_transport(device.path), model=model, mapping=known)
    return client.get_session("")


def request(**changes: Any) -> Any:
    """EthereumSignTx of one ether, with changes."""
    fields = {
        "address_n": PATH,
        "nonce": b"\x07",
        "gas_price": b"\x14",
        "gas_limit": b"\x52\x08",
        "to": TO,
        "value": (10**18).to_bytes(8, "big"),
        "chain_id": 1,
    }
    return m.EthereumSignTx(**{**fields, **changes})


def with_data(data: str, to: str = USDT, **changes: Any) -> Any:
    raw = bytes.fromhex(data)
    fields = {"to": to, "value": b"", "data_initial_chunk": raw, "data_length": len(raw)}
    return request(**{**fields, **changes})


def request_eip1559(**changes: Any) -> Any:
    fields = {
        "address_n": PATH,
        "nonce": b"\x07",
        "max_gas_fee": b"\x14",
        "max_priority_fee": b"\x01",
        "gas_limit": b"\x52\x08",
        "to": TO,
        "value": b"\x01",
        "data_length": 0,
        "chain_id": 1,
    }
    return m.EthereumSignTxEIP1559(**{**fields, **changes})


def own_request(common: Any) -> Any:
    """The same as OneKey's own message."""
    names = [field.name for field in own.EthereumSignTxOneKey.FIELDS.values()]
    return own.EthereumSignTxOneKey(**{name: getattr(common, name) for name in names})


def shown(persona: str, message: Any) -> list[Any]:
    """The screens of a transaction that is confirmed throughout and signed."""
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        reply = session_of(device).call(message)
        assert reply.signature_r is not None
        return list(device.screens)


def text_of(screens: list[Any]) -> str:
    return "\n".join(screen.text for screen in screens)


def refusal(persona: str, message: Any) -> str:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        with pytest.raises(exceptions.TrezorFailure) as caught:
            session_of(device).call(message)
        return f"{caught.value.code.name}: {caught.value.message}"


# How often is asked


@pytest.mark.parametrize(
    ("persona", "message", "codes"),
    [
        ("trezor-core", request(), ["SignTx"] * 2),
        ("trezor-core", request_eip1559(), ["SignTx"] * 2),
        ("trezor-core", with_data("01" * 200, TO), ["SignTx"] * 3),
        ("trezor-one", request(), ["SignTx"] * 2),
        ("trezor-one", request_eip1559(), ["SignTx"] * 4),
        ("trezor-one", with_data("01" * 200, TO), ["SignTx"] * 6 + ["ProtectCall", "SignTx"]),
        ("trezor-one", with_data("01" * 25, TO), ["SignTx"] * 4),
        ("onekey-classic1s", request(), ["SignTx"]),
        ("onekey-classic1s", with_data("01" * 200, TO), ["SignTx"]),
        ("onekey-pro", request(), ["SignTx", "Other"]),
    ],
)
def test_every_make_announces_as_many_questions_as_its_firmware(
    persona: str, message: Any, codes: list[str]
) -> None:
    found: list[str] = []
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        session_of(device, lambda br: found.append(br.code.name)).call(message)
    assert found == codes


def refuse_the(number: int) -> Callable[[Any], bool]:
    """A person who says no to the question of that number."""
    seen: list[Any] = []

    def decide(screen: Any) -> bool:
        seen.append(screen)
        return len(seen) != number

    return decide


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one", "onekey-pro"])
@pytest.mark.parametrize("message", [request(), request_eip1559(), with_data("01" * 200, TO)])
def test_no_to_any_question_ends_without_a_signature(persona: str, message: Any) -> None:
    for number in range(1, len(shown(persona, message)) + 1):
        with (
            DeviceEmulator(
                mnemonic=ABANDON, persona=persona, mode="interactive", on_screen=refuse_the(number)
            ) as device,
            pytest.raises(exceptions.Cancelled),
        ):
            session_of(device).call(message)


def test_no_inside_onekeys_menu_turns_a_page_back_and_on_its_ends_rejects() -> None:
    pages = shown("onekey-classic1s", with_data("01" * 40, TO))
    ends = {1, 2, len(pages)}  # recipient, details, the last question
    for number in range(1, len(pages) + 1):
        with DeviceEmulator(
            mnemonic=ABANDON, persona="onekey-classic1s", mode="interactive", on_screen=refuse_the(number)
        ) as device:
            if number in ends:
                with pytest.raises(exceptions.Cancelled):
                    session_of(device).call(with_data("01" * 40, TO))
            else:
                assert session_of(device).call(with_data("01" * 40, TO)).signature_r
                assert len(device.screens) == len(pages) + 2


# What is refused


def test_refusals_have_the_words_of_each_firmware() -> None:
    cases: list[tuple[Any, str, str]] = [
        (request(chain_id=0), "Chain ID out of bounds", "Chain ID out of bounds"),
        (request(to="0x12"), "Invalid recipient address", "Safety check failed"),
        (request(to="", value=b""), "Contract creation without data", "Safety check failed"),
        (
            request(data_length=5),
            "Data length provided, but no initial chunk",
        )
        * 2,
        (
            with_data("01", TO, data_length=16_000_001),
            "Data length exceeds limit",
            "Data length exceeds limit",
        ),
        (
            request(data_initial_chunk=b"12", data_length=1),
            "Invalid size of initial chunk",
            "Invalid size of initial chunk",
        ),
        (request(gas_price=b"\x01" * 16, gas_limit=b"\x01" * 15), "Fee overflow", "Safety check failed"),
        (request(tx_type=2), "tx_type out of bounds", "Txtype out of bounds"),
        (request(address_n=parse_path("m/44h/61h/0h/0/0")), "Forbidden key path", "Forbidden key path"),
    ]
    for case in cases:
        message, core, legacy = case if len(case) == 3 else (case[0], case[1], case[1])
        assert refusal("trezor-core", message) == f"DataError: {core}"
        assert refusal("trezor-one", message) == f"DataError: {legacy}"
        assert refusal("onekey-classic1s", message) == f"DataError: {legacy}"


def test_each_firmware_looks_at_the_path_at_its_own_moment() -> None:
    message = request(chain_id=0, address_n=parse_path("m/84h/0h/0h/0/0"))
    assert refusal("trezor-core", message) == "DataError: Chain ID out of bounds"
    assert refusal("trezor-one", message) == "DataError: Forbidden key path"


def test_a_recipient_that_is_not_hex_deploys_a_contract_on_trezor_one_only() -> None:
    message = request(to="0x" + "zz" * 20, value=b"\x01")
    assert refusal("trezor-core", message) == "FirmwareError: non-hex digit found"
    assert refusal("onekey-pro", message) == "FirmwareError: Firmware error"
    for persona in ("trezor-one", "onekey-classic1s"):
        with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
            reply = session_of(device).call(message)
        account = account_of_others()
        creation = {"nonce": 7, "gasPrice": 20, "gas": 21_000, "to": "", "value": 1, "chainId": 1}
        assert int.from_bytes(reply.signature_r, "big") == account.sign_transaction(creation).r


def test_an_access_list_is_looked_at_before_the_questions_by_core_and_after_them_by_trezor_one() -> None:
    bad = [m.EthereumAccessList(address="0x" + "zz" * 20, storage_keys=[])]
    for persona, asked in (("trezor-core", False), ("trezor-one", True)):
        with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
            with pytest.raises(exceptions.TrezorFailure):
                session_of(device).call(request_eip1559(access_list=bad))
            assert bool(device.screens) is asked


@pytest.mark.parametrize("persona", ALL)
def test_data_nobody_asked_for_is_refused(persona: str) -> None:
    words_of = {
        "trezor-one": "Not in Ethereum signing mode",
        "onekey-classic1s": "Not in Ethereum signing mode",
    }
    found = refusal(persona, m.EthereumTxAck(data_chunk=b"123"))
    assert found == f"UnexpectedMessage: {words_of.get(persona, 'Unexpected message')}"


# Data in pieces


def pieces(session: Any, message: Any, chunks: list[bytes]) -> tuple[list[Any], Any]:
    """Lengths the device asks for, and its last reply, when it is given those pieces."""
    asked = []
    reply = session.call(message)
    for chunk in chunks:
        asked.append(reply.data_length)
        reply = session.call(m.EthereumTxAck(data_chunk=chunk))
    return asked, reply


@pytest.mark.parametrize("persona", ALL)
def test_data_is_asked_for_in_pieces_of_a_kilobyte(persona: str) -> None:
    data = bytes(range(256)) * 16 + b"!!!"
    message = request(data_length=len(data), data_initial_chunk=data[:1024])
    chunks = [data[i : i + 1024] for i in range(1024, len(data), 1024)]
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        asked, reply = pieces(session_of(device), message, chunks)
    assert asked == [1024, 1024, 1024, 3]
    account = account_of_others()
    transaction = {"nonce": 7, "gasPrice": 20, "gas": 21_000, "to": TO, "value": 10**18, "chainId": 1}
    signed = account.sign_transaction({**transaction, "data": data})
    assert int.from_bytes(reply.signature_s, "big") == signed.s


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one", "onekey-classic1s"])
def test_more_data_than_asked_for_is_refused(persona: str) -> None:
    message = request(data_length=1500, data_initial_chunk=b"A" * 1024)
    with (
        DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device,
        pytest.raises(exceptions.TrezorFailure, match="Too much data"),
    ):
        pieces(session_of(device), message, [b"A" * 477])


def test_an_empty_piece_is_refused_by_the_c_firmwares_and_asked_for_again_by_core() -> None:
    message = request(data_length=1030, data_initial_chunk=b"A" * 1024)
    with (
        DeviceEmulator(mode="auto", mnemonic=ABANDON, persona="trezor-one") as device,
        pytest.raises(exceptions.TrezorFailure, match="Empty data chunk received"),
    ):
        pieces(session_of(device), message, [b""])
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        asked, reply = pieces(session_of(device), message, [b"", b"AAA", b"AAA"])
    assert asked == [6, 6, 3]
    assert reply.signature_r


def test_core_fetches_before_it_asks_and_trezor_one_after() -> None:
    message = request(data_length=1030, data_initial_chunk=b"A" * 1024)
    for persona, asked_first in (("trezor-core", False), ("trezor-one", True)):
        with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
            reply = session_of(device).call(message)
            assert reply.data_length == 6
            assert bool(device.screens) is asked_first


def test_core_asks_before_it_fetches_what_it_cannot_keep() -> None:
    data = b"A" * 7000
    message = request(data_length=len(data), data_initial_chunk=data[:1024])
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        asked, reply = pieces(session_of(device), message, [data[:1024]] * 5)
        assert asked == [1024] * 5
        assert [screen.name for screen in device.screens] == ["confirm_data"]
        assert reply.data_length == 856


@pytest.mark.parametrize("persona", ALL)
def test_another_message_in_the_middle_of_the_data_leaves_a_working_device(persona: str) -> None:
    message = request(data_length=1030, data_initial_chunk=b"A" * 1024)
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        session = session_of(device)
        assert session.call(message).data_length == 6
        session = session_of(device)
        assert ethereum.get_address(session, PATH).startswith("0x")


# What is shown


@pytest.mark.parametrize("persona", ALL)
def test_a_token_transfer_names_token_amount_and_recipient(persona: str) -> None:
    screens = shown(persona, with_data("a9059cbb" + words(STRANGER, 1_500_000)))
    text = text_of(screens)
    assert "1.5" in text
    assert "USDT" in text
    assert "0xeeee" in text.lower()


def test_an_unlimited_allowance_is_warned_of_by_core() -> None:
    screens = shown("trezor-core", with_data("095ea7b3" + words(STRANGER, 2**256 - 1)))
    names = [screen.name for screen in screens]
    assert names == ["confirm_ethereum_approve"] * 4 + ["confirm_total"]
    assert "unlimited amount of USDT" in text_of(screens)


def test_a_revocation_is_called_one() -> None:
    screens = shown("trezor-core", with_data("095ea7b3" + words(STRANGER, 0)))
    assert screens[0].title == "Token revocation"
    assert "Amount allowance" not in text_of(screens)


def test_ether_that_goes_with_a_token_transfer_is_shown() -> None:
    message = with_data("a9059cbb" + words(STRANGER, 1_500_000), value=(10**18).to_bytes(8, "big"))
    assert "1 ETH" in text_of(shown("trezor-core", message))


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_staking_is_called_by_its_name(persona: str) -> None:
    pool = "0xD523794C879D9eC028960a231F866758e405bE34"
    screens = shown(persona, with_data("3a29dbae" + words(1), pool, value=(10**18).to_bytes(8, "big")))
    assert "Everstake" in text_of(screens)
    assert refusal(persona, with_data("3a29dbae", pool)) == "DataError: Invalid staking transaction call"


def test_a_call_whose_padding_is_not_zero_is_shown_raw() -> None:
    dirty = "ff" * 12 + STRANGER
    screens = shown("trezor-core", with_data("a9059cbb" + dirty + words(5)))
    assert screens[0].name == "confirm_data"


def test_a_known_vault_takes_deposits_for_the_signer_alone() -> None:
    me = account_of_others().address[2:].lower()
    screens = shown("trezor-core", with_data("6e553f65" + words(2_000_000, me), KNOWN_VAULT))
    assert [screen.name for screen in screens] == [
        f"ethereum/vault/deposit/{part}" for part in ("intro", "vault", "amount", "summary")
    ]
    assert "2 USDC" in text_of(screens)
    for_other = with_data("6e553f65" + words(2_000_000, STRANGER), KNOWN_VAULT)
    assert refusal("trezor-core", for_other) == "DataError: Vault tx: Signer receiver mismatch"
    nothing = with_data("6e553f65" + words(0, me), KNOWN_VAULT)
    assert refusal("trezor-core", nothing) == "DataError: Invalid data for ERC-4626 vault transaction."


def test_rewards_are_claimed_for_the_signer_and_shown() -> None:
    me = account_of_others().address[2:].lower()
    lists = words(128, 192, 256, 320) + words(1, me) + words(1, STRANGER) + words(1, 5) + words(1, 0)
    screens = shown("trezor-core", with_data("71ee95c0" + lists, MERKL))
    assert [screen.name.rsplit("/", 1)[1] for screen in screens] == ["intro", "tokens", "summary"]
    uneven = words(128, 192, 256, 320) + words(1, me) + words(1, STRANGER) + words(0, 5) + words(1, 0)
    complaint = "DataError: Invalid data for claim rewards transaction"
    assert refusal("trezor-core", with_data("71ee95c0" + uneven, MERKL)) == complaint


# OneKey's own messages


@pytest.mark.parametrize("persona", ["onekey-classic1s", "onekey-pro"])
@pytest.mark.parametrize(
    "message",
    [
        request(),
        with_data("a9059cbb" + words(STRANGER, 5)),
        with_data("095ea7b3" + words(STRANGER, 5)),
        with_data("42842e0e" + words("11" * 20, STRANGER, 9)),
        with_data("d4d9bdcd" + "ab" * 32),
    ],
)
def test_onekeys_own_message_signs_the_same_transaction(persona: str, message: Any) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        session = session_of(device)
        common, mine = session.call(message), session.call(own_request(message))
    assert (common.signature_v, common.signature_r, common.signature_s) == (
        mine.signature_v,
        mine.signature_r,
        mine.signature_s,
    )


def test_onekeys_own_messages_spell_out_allowances_and_warn_of_unlimited_ones() -> None:
    found: list[str] = []
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona="onekey-classic1s") as device:
        session = session_of(device, lambda br: found.append(br.code.name))
        session.call(own_request(with_data("095ea7b3" + words(STRANGER, 2**256 - 1))))
        assert "unlimited USDT" in text_of(list(device.screens))
    assert found == ["SignTx", "ProtectCall"]


# A device that lies


@pytest.mark.parametrize("fault", ["wrong_key_signature", "foreign_wallet_signature", "redirect_output"])
def test_a_lying_device_signs_something_else(fault: str) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        honest = session_of(device).call(request())
        device.set_faults({fault: True})
        lie = session_of(device).call(request())
    assert (honest.signature_r, honest.signature_s) != (lie.signature_r, lie.signature_s)
