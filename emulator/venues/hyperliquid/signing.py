"""Who signed an action: EIP-712 over its fields, with the chain id that the action itself names.

The address is what the signature recovers to, whatever account was meant: an altered action is somebody
else's. Sources: Hyperliquid "Signing", "Exchange endpoint"; EIP-712; EIP-191.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from coincurve import PublicKey

from emulator.device.ethereum.keccak import keccak256

PREFIX = "HyperliquidTransaction:"
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
# Action type -> (name of its struct, members in the order in which they are signed).
SIGNED: Mapping[str, tuple[str, Sequence[tuple[str, str]]]] = {
    "withdraw3": (
        "Withdraw",
        (
            ("string", "hyperliquidChain"),
            ("string", "destination"),
            ("string", "amount"),
            ("uint64", "time"),
        ),
    ),
    "usdClassTransfer": (
        "UsdClassTransfer",
        (("string", "hyperliquidChain"), ("string", "amount"), ("bool", "toPerp"), ("uint64", "nonce")),
    ),
}
_CHAIN_ID = re.compile(r"0x[0-9a-fA-F]{1,16}", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)


class BadSignatureError(ValueError):
    """No key can have made it."""


def well_formed(action: Mapping[str, object]) -> bool:
    """Whether an action has exactly the fields of its type, each of its kind."""
    _, members = SIGNED[str(action["type"])]
    kinds = {"string": str, "uint64": int, "bool": bool}
    chain = action.get("signatureChainId")
    fields = {"type", "signatureChainId", *(name for _, name in members)}
    return (
        set(action) == fields
        and isinstance(chain, str)
        and _CHAIN_ID.fullmatch(chain) is not None
        and all(type(action[name]) is kinds[kind] for kind, name in members)
        and all(0 <= int(str(action[name])) < 2**64 for kind, name in members if kind == "uint64")
    )


def digest(action: Mapping[str, object]) -> bytes:
    """What is signed, of a well-formed action."""
    name, members = SIGNED[str(action["type"])]
    text = f"{PREFIX}{name}({','.join(f'{kind} {member}' for kind, member in members)})"
    words = (_word(kind, action[member]) for kind, member in members)
    chain_id = int(str(action["signatureChainId"]), 16)
    domain = (
        keccak256(DOMAIN_TYPE.encode()),
        keccak256(b"HyperliquidSignTransaction"),
        keccak256(b"1"),
        chain_id.to_bytes(32, "big"),
        bytes(32),
    )
    struct = keccak256(keccak256(text.encode()) + b"".join(words))
    return keccak256(b"\x19\x01" + keccak256(b"".join(domain)) + struct)


def _word(kind: str, value: object) -> bytes:
    if kind == "string":
        return keccak256(str(value).encode())
    return int(str(value)).to_bytes(32, "big") if kind == "uint64" else bytes(31) + bytes([value is True])


def signer(action: Mapping[str, object], signature: object) -> str:
    """The address in lower case; raises BadSignatureError."""
    if not isinstance(signature, Mapping) or set(signature) != {"r", "s", "v"}:
        raise BadSignatureError("expected r, s and v")
    r, s, v = signature["r"], signature["s"], signature["v"]
    if not all(isinstance(word, str) and _HEX.fullmatch(word) for word in (r, s)) or v not in (27, 28):
        raise BadSignatureError("expected r and s in hex, v 27 or 28")
    compact = b"".join(int(str(word), 16).to_bytes(32, "big") for word in (r, s)) + bytes([int(v) - 27])
    try:
        key = PublicKey.from_signature_and_message(compact, digest(action), hasher=None)
    except Exception as error:  # coincurve raises bare Exception
        raise BadSignatureError("no point") from error
    return "0x" + keccak256(key.format(compressed=False)[1:])[12:].hex()
