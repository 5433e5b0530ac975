"""Definitions of networks, tokens and display formats that a host brings to a device.

Signed with the public development keys. Refused: other formats and types, old ones, wrong proofs
and signatures, other networks; a definition never replaces what is built in.
"""

from __future__ import annotations

from typing import Any

import pytest
from trezorlib import client as trezor_client
from trezorlib import definitions as trezor_definitions
from trezorlib import ethereum, exceptions, mapping, protocol_v1
from trezorlib import messages as m
from trezorlib.models import TrezorModel
from trezorlib.tools import parse_path
from trezorlib.transport import get_transport

from emulator.device.ethereum.development import signed_definition
from emulator.device.server import DeviceEmulator

pytestmark = pytest.mark.usefixtures("connected")  # reads end after five seconds

ABANDON = "abandon " * 11 + "about"
TO = "0x1d1c328764a41bda0492b66baa30c4a339ff85ef"
TOKEN = bytes.fromhex("dd" * 20)
TOKEN_TEXT = "0x" + TOKEN.hex()
OWN_PATH = "m/44h/66666h/0h/0/0"
BUILT_IN_TIME = 1_783_520_408
TRANSFER = bytes.fromhex("a9059cbb" + "00" * 12 + "57" * 20 + f"{123_000_000:064x}")
SELECTOR = bytes.fromhex("11111111")
T = m.EthereumABIType
F = m.EthereumERC7730FieldFormatterType


def session_of(device: DeviceEmulator) -> Any:
    model = None
    if device.persona.startswith("onekey"):
        model = TrezorModel("OneKey", "ONEKEY", (0, 0, 0), ("onekey.so",), (), mapping.DEFAULT_MAPPING)
    manifest = trezor_client.AppManifest("tests")
    client = protocol_v1.TrezorClientV1(manifest, get_transport(device.path), model=model, mapping=None)
    return client.get_session("")


def network(chain_id: int = 66666, slip44: int = 66666, **how: Any) -> bytes:
    info = m.EthereumNetworkInfo(chain_id=chain_id, slip44=slip44, symbol="FAKE", name="Fake network")
    return signed_definition(info, **how)


def token(chain_id: int = 66666, address: bytes = TOKEN, symbol: str = "FTK") -> bytes:
    info = m.EthereumTokenInfo(
        address=address, chain_id=chain_id, symbol=symbol, decimals=6, name="Fake token"
    )
    return signed_definition(info)


def sign(session: Any, path: str = "m/44h/60h/0h/0/0", **changes: Any) -> Any:
    fields = {
        "nonce": 0,
        "gas_price": 20,
        "gas_limit": 20,
        "to": TO,
        "value": 10,
        "chain_id": 66666,
    }
    return ethereum.sign_tx(session, n=parse_path(path), **{**fields, **changes})


def definitions(encoded_network: bytes | None = None, encoded_token: bytes | None = None) -> Any:
    return m.EthereumDefinitions(encoded_network=encoded_network, encoded_token=encoded_token)


def screens_of(persona: str = "trezor-core", **changes: Any) -> str:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        sign(session_of(device), **changes)
        return "\n".join(screen.text for screen in device.screens)


def refusal(persona: str = "trezor-core", path: str = "m/44h/60h/0h/0/0", **changes: Any) -> str:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        with pytest.raises(exceptions.TrezorFailure) as caught:
            sign(session_of(device), path, **changes)
        assert not device.screens
        return str(caught.value.message)


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro"])
def test_a_definition_opens_the_paths_of_its_coin_type(persona: str) -> None:
    assert refusal(persona, OWN_PATH) == "Forbidden key path"
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        session = session_of(device)
        assert sign(session, OWN_PATH, definitions=definitions(network()))
        found = ethereum.get_address(session, parse_path(OWN_PATH), encoded_network=network())
        assert found.startswith("0x")


def test_the_symbol_of_a_defined_network_is_shown() -> None:
    assert "10 Wei FAKE" in screens_of(definitions=definitions(network(slip44=60)))
    assert "10 Wei UNKN" in screens_of()


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_a_definition_does_not_replace_what_is_built_in(persona: str) -> None:
    message = refusal(persona, OWN_PATH, chain_id=1, definitions=definitions(network(chain_id=1)))
    assert message == "Forbidden key path"


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_a_definition_of_another_network_is_refused(persona: str) -> None:
    other = definitions(network(chain_id=55555))
    assert refusal(persona, definitions=other) == "Network definition mismatch"
    with (
        DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device,
        pytest.raises(exceptions.TrezorFailure, match="Network definition mismatch"),
    ):
        ethereum.get_address(session_of(device), parse_path(OWN_PATH), encoded_network=network(slip44=77777))


def corrupted(encoded: bytes, index: int) -> bytes:
    return encoded[:index] + bytes([encoded[index] ^ 1]) + encoded[index + 1 :]


GOOD = network()
WITH_NEIGHBOURS = network(neighbours=[b"\x01" * 32, b"\xfe" * 32])
BAD_DEFINITIONS = {
    "nothing": (b"", "Invalid definition"),
    "too short": (GOOD[:20], "Invalid definition"),
    "cut off": (GOOD[:-1], "Invalid definition"),
    "too long": (GOOD + b"\0", "Invalid definition"),
    "other format": (corrupted(GOOD, 4), "Invalid definition"),
    "a token": (token(), "Definition type mismatch"),
    "old": (network(timestamp=BUILT_IN_TIME - 1), "Definition is outdated"),
    "other payload": (corrupted(GOOD, 14), "Invalid definition signature"),
    "other proof": (corrupted(WITH_NEIGHBOURS, len(WITH_NEIGHBOURS) - 70), "Invalid definition signature"),
    "other signature": (corrupted(GOOD, len(GOOD) - 1), "Invalid definition signature"),
    "one signer": (network(signers=1), "Invalid definition signature"),
    "mask of one signer": (GOOD[:-65] + b"\x01" + GOOD[-64:], "Invalid definition signature"),
    "mask of strangers": (GOOD[:-65] + b"\x0f" + GOOD[-64:], "Invalid definition signature"),
}


@pytest.mark.parametrize("name", BAD_DEFINITIONS)
@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_a_bad_definition_is_refused_with_the_firmwares_words(persona: str, name: str) -> None:
    encoded, words = BAD_DEFINITIONS[name]
    assert refusal(persona, definitions=definitions(encoded)) == words


def test_a_definition_as_new_as_the_firmware_and_one_in_a_tree_are_taken() -> None:
    for encoded in (network(timestamp=BUILT_IN_TIME), WITH_NEIGHBOURS, network(signers=2)):
        assert "FAKE" in screens_of(definitions=definitions(encoded))


def test_onekey_calls_a_bad_definition_by_another_name() -> None:
    message = refusal("onekey-classic1s", definitions=definitions(GOOD[:-1]))
    assert message == "Invalid Ethereum definition"


def test_a_definition_payload_that_is_no_protobuf_is_refused() -> None:
    payload = trezor_definitions.DefinitionPayload(
        magic=b"trzd1", data_type=m.DefinitionType.ETHEREUM_NETWORK, timestamp=2**32 - 1, data=b"\xff"
    ).build()
    assert refusal(definitions=definitions(payload + b"\0\x03" + bytes(64))) == "Invalid definition signature"


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_a_defined_token_is_shown_by_its_symbol(persona: str) -> None:
    with_token = definitions(network(slip44=60), token())
    shown = screens_of(persona, to=TOKEN_TEXT, value=0, data=TRANSFER, definitions=with_token)
    assert "123 FTK" in shown


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
@pytest.mark.parametrize("other", [token(chain_id=55555), token(address=b"\xcc" * 20)])
def test_a_token_definition_for_another_contract_is_not_used(persona: str, other: bytes) -> None:
    with_token = definitions(network(slip44=60), other)
    shown = screens_of(persona, to=TOKEN_TEXT, value=0, data=TRANSFER, definitions=with_token)
    assert "FTK" not in shown
    assert "UNKN" in shown


# Display formats, and definitions the device asks for


class Source(trezor_definitions.Source):
    """A host's definitions, and what was asked of it."""

    def __init__(self, tokens: dict[bytes, bytes], form: bytes | None = None) -> None:
        self.tokens = tokens
        self.form = form
        self.asked: list[str] = []

    def fetch_path(self, *components: str) -> bytes | None:
        if components[-1] == "network.dat":
            return network(slip44=60)
        self.asked.append(components[-1])
        if "display-format" in components:
            return self.form
        name = components[-1].removeprefix("token-").removesuffix(".dat")
        return self.tokens.get(bytes.fromhex(name)) if len(name) == 40 else None


def display_format(fields: list[Any], types: list[Any], chain_id: int = 66666) -> bytes:
    return signed_definition(
        m.EthereumDisplayFormatInfo(
            chain_id=chain_id,
            address=TOKEN,
            func_sig=SELECTOR,
            intent="Feed the cat",
            provider_name="Catfood Ltd",
            parameter_definitions=types,
            field_definitions=fields,
        )
    )


def field(path: list[int], label: str, formatter: Any, **more: Any) -> Any:
    where = m.EthereumERC7730Path(path=path)
    return m.EthereumERC7730FieldInfo(path=where, label=label, formatter=formatter, **more)


AMOUNT_OF_TOKEN = field([1], "Price", F.FORMATTER_TOKEN_AMOUNT, token_path=m.EthereumERC7730Path(path=[0]))
TYPES = [m.EthereumABIValueInfo(atomic=T.ABI_ADDRESS), m.EthereumABIValueInfo(atomic=T.ABI_UINT256)]
CALL = SELECTOR + bytes(12) + TOKEN + (5_000_000).to_bytes(32, "big")


def clear_signed(source: Source, **changes: Any) -> Any:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        sign(
            session_of(device),
            **{
                "to": TOKEN_TEXT,
                "value": 0,
                "data": CALL,
                "definitions": definitions(network(slip44=60)),
                "supports_definition_request": True,
                "definition_source": source,
                **changes,
            },
        )
        return list(device.screens)


def test_a_function_is_shown_by_a_format_the_host_is_asked_for() -> None:
    source = Source({TOKEN: token()}, display_format([AMOUNT_OF_TOKEN], TYPES))
    screens = clear_signed(source)
    text = "\n".join(screen.text for screen in screens)
    assert [screen.name for screen in screens] == ["confirm_contract"] * 3 + ["confirm_ethereum_tx"]
    assert "Catfood Ltd" in text
    assert "Feed the cat" in text
    assert "Price: 5 FTK" in text
    assert source.asked == [f"{TOKEN.hex()}-{SELECTOR.hex()}.dat", f"token-{TOKEN.hex()}.dat"]


def test_nothing_is_asked_of_a_host_that_cannot_tell() -> None:
    source = Source({TOKEN: token()}, display_format([AMOUNT_OF_TOKEN], TYPES))
    screens = clear_signed(source, supports_definition_request=False)
    assert source.asked == []
    assert screens[0].name == "confirm_data"


def test_a_format_for_another_chain_or_with_parameters_that_are_not_there_is_not_used() -> None:
    strangers = [
        display_format([AMOUNT_OF_TOKEN], TYPES, chain_id=1),
        display_format([AMOUNT_OF_TOKEN], [*TYPES, TYPES[1]]),
        display_format([field([9], "Price", F.FORMATTER_RAW)], TYPES),
    ]
    for form in strangers:
        assert clear_signed(Source({}, form))[0].name == "confirm_data"


def test_a_format_with_a_bad_signature_is_refused() -> None:
    form = display_format([AMOUNT_OF_TOKEN], TYPES)
    with pytest.raises(exceptions.TrezorFailure, match="Invalid definition signature"):
        clear_signed(Source({}, corrupted(form, len(form) - 1)))


def test_a_call_inside_a_call_is_spelled_out_or_shown_as_it_is() -> None:
    inner = bytes.fromhex("a9059cbb") + bytes(12) + b"\x57" * 20 + (7_000_000).to_bytes(32, "big")
    types = [TYPES[0], m.EthereumABIValueInfo(dynamic=T.ABI_BYTES)]
    callee = m.EthereumERC7730Path(path=[0])
    subcall = field([1], "Call", F.FORMATTER_CALLDATA, callee_path=callee)

    def call(blob: bytes) -> bytes:
        padded = blob + bytes(-len(blob) % 32)
        words = bytes(12) + TOKEN + (64).to_bytes(32, "big") + len(blob).to_bytes(32, "big")
        return SELECTOR + words + padded

    source = Source({TOKEN: token()}, display_format([subcall], types))
    text = "\n".join(screen.text for screen in clear_signed(source, data=call(inner)))
    assert "(Subcall) Intent: Send" in text
    assert "(Subcall) Amount: 7 FTK" in text
    text = "\n".join(screen.text for screen in clear_signed(source, data=call(b"\x01\x02")))
    assert "Call: 0102" in text
