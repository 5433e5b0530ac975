"""Vectors in which genuine firmware itself differs: the whole list, each with its reason, in one place.

A key is the id of a case, or its beginning. Every case is played: one of these has to differ in the
way that stands here, and is then counted as excepted, never as agreeing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exemption:
    """How the device has to differ (the beginning of the text), and why the firmware does."""

    difference: str
    reason: str


_CALLS = "btc_address_xpub_message/bitcoin/"

# The firmware's own tests mark these as expected to fail: "path validation on get_public_node is disabled".
_NOT_CHECKED = Exemption(
    "accepted", "the firmware gives public keys of any path; its own test is marked xfail"
)
_EVERY_MAKE = {
    f"{_CALLS}test_getpublickey.py::test_invalid_path": _NOT_CHECKED,
    f"{_CALLS}test_getpublickey_curve.py::test_coin_and_curve": _NOT_CHECKED,
}

_NO_DESCRIPTOR = Exemption("call[0].descriptor: expected", "bitcoin/get_public_key.py returns no descriptor")
_OTHER_MAC = Exemption("call[", "common/address_mac.py: the MAC does not cover the path")
_NO_DELEGATION = "field 16 of EthereumSignTxEIP1559 is unknown: a plain transaction is signed"
_NO_PAYMENT_REQUEST = "payment requests are experimental messages, which trezor/wire never enables"
# OneKey's fork (firmware-pro, core/src/apps) is older than the vectors in these places.
_ONEKEY = {
    f"{_CALLS}test_descriptors.py::test_descriptors[": _NO_DESCRIPTOR,
    f"{_CALLS}test_descriptors.py::test_descriptors_trezorlib[": _NO_DESCRIPTOR,
    f"{_CALLS}test_getaddress.py::test_address_mac call[0]": _OTHER_MAC,
    f"{_CALLS}test_getaddress.py::test_address_mac call[1]": _OTHER_MAC,
    f"{_CALLS}test_getaddress.py::test_multisig_pubkeys_order call[4]": Exemption(
        "call[4]: expected", "pubkeys_order is ignored: the keys stay in the order given"
    ),
    f"{_CALLS}test_getaddress.py::test_multisig_different_paths": Exemption(
        "accepted", "bitcoin/get_address.py does not compare the paths of the cosigners"
    ),
    f"{_CALLS}test_getaddress_show.py::test_show_cancel": Exemption(
        "accepted", "ui/layouts/lvgl: show_address does not look at which button ends it"
    ),
    f"{_CALLS}test_nonstandard_paths.py::test_getaddress_multisig[paths6": Exemption(
        "DataError: Forbidden key path", "bitcoin/keychain.py has no pattern for Casa's paths under 45'"
    ),
    f"{_CALLS}test_signmessage.py::test_signmessage[t1 firmware path": Exemption(
        "DataError: Forbidden key path", "bitcoin/keychain.py has no pattern for SLIP-26"
    ),
    f"{_CALLS}test_signmessage.py::test_signmessage_info[t1 firmware path": Exemption(
        "DataError: Forbidden key path", "bitcoin/keychain.py has no pattern for SLIP-26"
    ),
    "btc_signtx_expected/bitcoin/test_signtx_payreq.py::test_payment_request[": Exemption(
        "not signed: DataError: Failed to decode message: Experimental", _NO_PAYMENT_REQUEST
    ),
    "btc_signtx_negative/bitcoin/test_signtx_payreq.py::test_payment_req": Exemption(
        "expected '", _NO_PAYMENT_REQUEST
    ),
    "ethereum/sign_tx_eip1559/5 Base": Exemption(
        "DataError: Forbidden key path", "ethereum/definitions.py: a built-in network goes before the host's"
    ),
    "ethereum/sign_tx_error/": Exemption("accepted", "no clear signing of vaults: data is shown and signed"),
    "ethereum/sign_tx_staking_data_error/": Exemption("accepted", "no staking: data is shown and signed"),
    "ethereum/sign_auth_eip7702/": Exemption('ValueError("signed, where', _NO_DELEGATION),
    "ethereum/sign_tx_eip7702_mainnet/": Exemption("expected {", _NO_DELEGATION),
    **{
        f"ethereum/sign_auth_eip7702_errors/{number} ": Exemption("accepted", _NO_DELEGATION)
        for number in range(3, 10)
    },
}

EXCEPTIONS: dict[str, Mapping[str, Exemption]] = {
    "trezor.io": _EVERY_MAKE,
    "onekey.so": {**_EVERY_MAKE, **_ONEKEY},
}


def exemption_of(case: str, vendor: str) -> Exemption | None:
    """The exemption of a case on a device of that vendor; None when it has to agree."""
    listed = EXCEPTIONS.get(vendor, {})
    return next((exemption for key, exemption in listed.items() if case.startswith(key)), None)
