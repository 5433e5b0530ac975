"""The Safe contracts that are known: singletons and proxies by address and code, and their helpers by name.

Refuses every other version and every other implementation: a Safe runs whatever its slot 0 says. Addresses
and code hashes are those of safe-global's deployment list (assets v1.3.0 and v1.4.1); those of 1.4.1 also
follow from the published artefacts (CREATE2 of 0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7, salt zero).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from vault.errors import SafeError

Variant = Literal["L1", "L2"]


@dataclass(frozen=True, slots=True)
class Singleton:
    """The code behind a Safe's proxy. `variant` L2 emits more events; `code_hash` is of its runtime code."""

    version: str
    variant: Variant
    address: str
    code_hash: str


_1_3_0: Final = "0xbba688fbdb21ad2bb58bc320638b43d94e7d100f6f3ebaab0a4e4de6304b1c2e"
_1_3_0_L2: Final = "0x21842597390c4c6e3c1239e434a682b054bd9548eee5e9b1d6a4482731023c0f"
_1_4_1: Final = "0x1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4"
_1_4_1_L2: Final = "0xb1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff"

# Of 1.3.0 both deployments: "canonical" and "eip155" (on chains that demand replay protection).
SINGLETONS: Final = (
    Singleton("1.3.0", "L1", "0xd9Db270c1B5E3Bd161E8c8503c55cEABeE709552", _1_3_0),
    Singleton("1.3.0", "L1", "0x69f4D1788e39c87893C980c06EdF4b7f686e2938", _1_3_0),
    Singleton("1.3.0", "L2", "0x3E5c63644E683549055b9Be8653de26E0B4CD36E", _1_3_0_L2),
    Singleton("1.3.0", "L2", "0xfb1bffC9d739B8D520DaF37dF666da4C687191EA", _1_3_0_L2),
    Singleton("1.4.1", "L1", "0x41675C099F32341bf84BFc5382aF534df5C7461a", _1_4_1),
    Singleton("1.4.1", "L2", "0x29fcB43b46531BcA003ddC8FCB67FFE91900C762", _1_4_1_L2),
)
VERSIONS: Final = tuple(sorted({each.version for each in SINGLETONS}))

# Runtime code of the proxies that the factories of a version make.
PROXY_CODE_HASHES: Final = {
    "1.3.0": "0xb89c1b3bdf2cf8827818646bce9a8f6e372885f8c55e5c07acbd307cb133b000",
    "1.4.1": "0xd7d408ebcd99b2b70be43e20253d6d92a8ea8fab29bd3be7f55b10032331fb4c",
}

_HANDLER_1_3_0: Final = "0x03e69f7ce809e81687c69b19a7d7cca45b6d551ffdec73d9bb87178476de1abf"
# CompatibilityFallbackHandler: answers for token callbacks and EIP-1271, moves nothing. Address to code hash.
FALLBACK_HANDLERS: Final = {
    "0xf48f2B2d2a534e402487b3ee7C18c33Aec0Fe5e4": _HANDLER_1_3_0,
    "0x017062a1dE2FE6b99BE3d9d37841FeD19F573804": _HANDLER_1_3_0,
    "0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99": (
        "0x7c6007a5d711cea8dfd5d91f5940ec29c7f200fe511eb1fc1397b367af3c42f9"
    ),
}

FACTORIES: Final = {
    "0xa6B71E26C5e0845f74c812102Ca7114b6a896AB2": "Safe proxy factory 1.3.0",
    "0xC22834581EbC8527d974F8a1c97E1bEA4EF910BC": "Safe proxy factory 1.3.0",
    "0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67": "Safe proxy factory 1.4.1",
}

# Made to be delegatecalled by a Safe: known so that they can be named when they are refused.
DELEGATES: Final = {
    "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761": "MultiSend 1.3.0",
    "0x998739BFdAAdde7C933B942a68053933098f9EDa": "MultiSend 1.3.0",
    "0x38869bf66a61cF6bDB996A6aE40D5853Fd43B526": "MultiSend 1.4.1",
    "0x40A2aCCbd92BCA938b02010E17A5b8929b49130D": "MultiSendCallOnly 1.3.0",
    "0xA1dabEF33b3B82c7814B6D82A79e50F4AC44102B": "MultiSendCallOnly 1.3.0",
    "0x9641d764fc13c8B624c04430C7356C1C7C8102e2": "MultiSendCallOnly 1.4.1",
    "0x7cbB62EaA69F79e6873cD1ecB2392971036cFAa4": "CreateCall 1.3.0",
    "0xB19D6FFc2182150F8Eb585b79D4ABcd7C5640A9d": "CreateCall 1.3.0",
    "0x9b35Af71d77eaf8d7e40252370304687390A1A52": "CreateCall 1.4.1",
    "0xA65387F16B013cf2Af4605Ad8aA5ec25a2cbA3a2": "SignMessageLib 1.3.0",
    "0x98FFBBF51bb33A056B08ddf711f289936AafF717": "SignMessageLib 1.3.0",
    "0xd53cd0aB83D845Ac265BE939c57F53AD838012c9": "SignMessageLib 1.4.1",
    "0x526643F69b81B008F46d95CD5ced5eC0edFFDaC6": "SafeMigration 1.4.1",
    "0xfF83F6335d8930cBad1c0D439A841f01888D9f69": "SafeToL2Migration 1.4.1",
    "0xBD89A1CE4DDe368FFAB0eC35506eEcE0b1fFdc54": "SafeToL2Setup 1.4.1",
}


def singleton_at(address: str) -> Singleton | None:
    """The known singleton at an address."""
    return next((each for each in SINGLETONS if each.address == address), None)


def require_singleton(version: str, implementation: str) -> Singleton:
    """The known singleton that calls itself `version`.

    Raises `SafeError` (``safe.unknown_version``, ``safe.implementation_changed``).
    """
    if version not in VERSIONS:
        raise SafeError(
            "unknown_version",
            f"expected a Safe of version {' or '.join(VERSIONS)}, found {version[:40]!r}",
            hint="What other versions hash and check is not known here; nothing is signed for them.",
        )
    found = singleton_at(implementation)
    if found is None or found.version != version:
        named = known_name(implementation) or "no known contract of Safe"
        raise SafeError(
            "implementation_changed",
            f"expected the published implementation of Safe {version}, found {implementation} ({named})",
            hint="Sign nothing for this Safe. Whoever put that code there decides what it does.",
        )
    return found


def known_name(address: str) -> str:
    """What is known to be at an address of Safe's own contracts; empty for any other."""
    found = singleton_at(address)
    if found is not None:
        return f"Safe {found.version} ({found.variant})"
    if address in FALLBACK_HANDLERS:
        return "CompatibilityFallbackHandler"
    return FACTORIES.get(address) or DELEGATES.get(address, "")
