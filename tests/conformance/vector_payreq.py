"""Payment requests signed anew (SLIP-24), because a nonce is the device's own and used once.

The key is the one that development builds of the firmware accept; it protects nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from trezorlib import messages as m
from trezorlib import misc
from trezorlib.tools import compact_size

DEVELOPMENT_KEY = 0x056235B0476F057F2765219724F7F1807D58802B550ED5BF6F73050AF5456300
SLIP44 = {"Bitcoin": 0, "Testnet": 1}
# The change output of the vectors, which the data has as a path.
CHANGE_ADDRESS = "tb1qkvwu9g3k2pdxewfqr7syz89r3gj557l3uuf9r9"


def requests_of(session: Any, case: Mapping[str, Any], *, keep: bool = False) -> list[Any]:
    """The case's payment requests; those with a nonce get the device's and a signature that fits it."""
    made = []
    for index, raw in enumerate(case["kwargs"].get("payment_reqs", ())):
        request = m.PaymentRequest(
            recipient_name=raw["recipient_name"],
            amount=bytes.fromhex(raw["amount"]),
            signature=bytes.fromhex(raw["signature"]),
        )
        if "nonce" in raw:
            request.nonce = bytes.fromhex(raw["nonce"])
            if not _expects_the_nonce_to_be_refused(case):
                request.nonce = misc.get_nonce(session)
                if not keep:
                    request.signature = _sign(_digest(request, case, index))
        made.append(request)
    return made


def _expects_the_nonce_to_be_refused(case: Mapping[str, Any]) -> bool:
    return "nonce" in (case.get("expect_failure_regex") or "")


def _prefixed(data: bytes) -> bytes:
    return bytes(compact_size(len(data))) + data


def _digest(request: Any, case: Mapping[str, Any], index: int) -> bytes:
    outputs = b"".join(
        output["amount"].to_bytes(8, "little") + _prefixed(output.get("address", CHANGE_ADDRESS).encode())
        for output in case["outputs"]
        if output.get("payment_req_index") == index
    )
    return sha256(
        b"SL\x00\x24"
        + _prefixed(request.nonce)
        + _prefixed(request.recipient_name.encode())
        + b"\0"  # no memos
        + SLIP44[case["coin"]].to_bytes(4, "little")
        + sha256(outputs).digest()
    ).digest()


def _sign(digest: bytes) -> bytes:
    key = ec.derive_private_key(DEVELOPMENT_KEY, ec.SECP256R1())
    r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
