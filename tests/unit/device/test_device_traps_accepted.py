"""What genuine devices sign and we must refuse ourselves, and what other drivers got wrong."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from embit import script
from trezorlib import messages

from vault.address import NETWORKS
from vault.device.bitcoin.request import SpendOutput, SpendRequest
from vault.device.bitcoin.scripts import dust_limit
from vault.device.bitcoin.translate import MAX_FEE_PER_BYTE, MAX_INPUTS, translate
from vault.errors import DeviceError

REGTEST = NETWORKS["regtest"]
# Output types and their dust limits at Bitcoin Core's default rate (test/functional/mempool_dust.py).
DUST = {
    "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn": 546,
    "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc": 540,
    "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080": 294,
    "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry": 330,
    "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6": 330,
}


def refusal(wallet: Any, request: SpendRequest) -> str:
    with pytest.raises(DeviceError) as error:
        translate(request, REGTEST, wallet.fingerprint)
    return error.value.code


def pays(request: SpendRequest, address: str, amount: int) -> SpendRequest:
    """The first output at that address, the fee as it was."""
    first, change = request.outputs
    payment = SpendOutput(amount, script.address_to_scriptpubkey(address).data, address=address)
    back = dataclasses.replace(change, amount_sat=change.amount_sat + first.amount_sat - amount)
    return dataclasses.replace(request, outputs=(payment, back))


@pytest.mark.parametrize(("address", "limit"), DUST.items())
def test_a_payment_of_dust_is_refused_one_satoshi_below_the_networks_limit(
    wallet: Any, address: str, limit: int
) -> None:
    request = wallet.request("p2wpkh")
    assert dust_limit(script.address_to_scriptpubkey(address).data) == limit
    assert translate(pays(request, address, limit), REGTEST, wallet.fingerprint)
    assert refusal(wallet, pays(request, address, limit - 1)) == "device.dust"


def test_change_of_dust_is_refused(wallet: Any) -> None:
    request = wallet.request("p2wpkh")
    back = dataclasses.replace(request.outputs[1], amount_sat=293)
    assert refusal(wallet, dataclasses.replace(request, outputs=(request.outputs[0], back))) == "device.dust"


@pytest.mark.parametrize("kind", ["p2pkh", "p2wpkh", "p2tr"])
def test_a_fee_that_only_missing_change_explains_is_refused(wallet: Any, kind: str) -> None:
    coin = wallet.input(kind, 0, 500_000_000)
    payment = wallet.request("p2wpkh").outputs[0]
    size = 10 + 41 + 8 + 1 + len(payment.script_pubkey)
    most = MAX_FEE_PER_BYTE * size
    left = dataclasses.replace(wallet.change(kind, 1, 1), amount_sat=500_000_000 - payment.amount_sat - most)
    size_of_both = size + 8 + 1 + len(left.script_pubkey)
    assert refusal(wallet, SpendRequest(2, 0, (coin,), (payment,))) == "device.absurd_fee"
    highest = MAX_FEE_PER_BYTE * size_of_both
    back = dataclasses.replace(left, amount_sat=500_000_000 - payment.amount_sat - highest)
    assert translate(SpendRequest(2, 0, (coin,), (payment, back)), REGTEST, wallet.fingerprint)
    less = dataclasses.replace(back, amount_sat=back.amount_sat - 1)
    assert refusal(wallet, SpendRequest(2, 0, (coin,), (payment, less))) == "device.absurd_fee"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount_sat": 100_001}, "device.amount_mismatch"),
        ({"vout": 0}, "device.amount_mismatch"),
        ({"vout": 7}, "device.prevtx_mismatch"),
        ({"prevtx": b""}, "device.malformed_transaction"),
        ({"txid": "11" * 32}, "device.prevtx_mismatch"),
    ],
)
def test_taproot_inputs_are_proven_by_their_previous_transaction_too(
    wallet: Any, changes: dict[str, Any], code: str
) -> None:
    """A device fetches none for them: its screen would repeat what it was told."""
    request = wallet.request("p2tr")
    forged = dataclasses.replace(request.inputs[0], **changes)
    assert refusal(wallet, dataclasses.replace(request, inputs=(forged,))) == code


def test_a_taproot_input_of_another_key_is_refused(wallet: Any) -> None:
    request = wallet.request("p2tr", "p2tr")
    first, second = request.inputs
    swapped = dataclasses.replace(first, origin=second.origin)
    assert refusal(wallet, dataclasses.replace(request, inputs=(swapped, second))) == "device.script_mismatch"


@pytest.mark.parametrize("made", ["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"])
@pytest.mark.parametrize("named", ["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"])
def test_a_script_type_fits_its_purpose_or_is_refused(wallet: Any, made: str, named: str) -> None:
    request = wallet.request(made)
    forged = dataclasses.replace(request.inputs[0], script_type=named)
    request = dataclasses.replace(request, inputs=(forged,))
    if made == named:
        assert translate(request, REGTEST, wallet.fingerprint)
    else:
        assert refusal(wallet, request) == "device.forbidden_path"


def test_up_to_five_hundred_inputs_keep_their_number_and_order(wallet: Any) -> None:
    coin = wallet.input("p2wpkh", 0, 100_000)
    plain = wallet.request("p2wpkh")
    for count in (101, MAX_INPUTS, MAX_INPUTS + 1):
        inputs = tuple(wallet.input("p2wpkh", 0, 100_000 + number) for number in range(3))
        many = tuple(dataclasses.replace(coin, txid=f"{number:064x}") for number in range(count - 3))
        request = dataclasses.replace(plain, inputs=(*inputs, *many))
        # None of the made-up coins exists: only the count is judged before that.
        expected = "device.bad_counts" if count > MAX_INPUTS else "device.prevtx_mismatch"
        assert refusal(wallet, request) == expected


def test_nothing_of_a_refused_request_is_translated(wallet: Any) -> None:
    """An input that cannot be said is never left out: the others' signatures would move up."""
    request = wallet.request("p2wpkh", "p2wpkh", "p2wpkh")
    for number in range(3):
        inputs = list(request.inputs)
        inputs[number] = dataclasses.replace(inputs[number], sighash=0x82)
        forged = dataclasses.replace(request, inputs=tuple(inputs))
        assert refusal(wallet, forged) == "device.unsupported_sighash"
    messages_of = translate(request, REGTEST, wallet.fingerprint).passes[0].inputs
    assert [message.prev_hash.hex() for message in messages_of] == [each.txid for each in request.inputs]
    assert all(message.script_type == messages.InputScriptType.SPENDWITNESS for message in messages_of)


def test_the_registry_package_called_onekey_is_not_depended_on(repo_root: Path) -> None:
    """It has nothing to do with the maker."""
    project = tomllib.loads((repo_root / "pyproject.toml").read_text())
    locked = (repo_root / "requirements.lock").read_text().splitlines()
    wanted = [*project["project"]["dependencies"], *locked]
    names = {re.split(r"[=<>\[; ]", line)[0].lower() for line in wanted}
    assert "trezor" in names
    assert "onekey" not in names
