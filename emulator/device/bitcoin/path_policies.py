"""Which key paths a firmware lets be used, and which it finds usual for a script type.

`SchemaPolicy` is core firmware's: a list of path schemas a coin. `PrefixPolicy` is that of the
firmware of Trezor One: a decision by purpose. Both refuse what is neither in BIP43's tree nor one
of the compatibility paths they list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from trezorlib.messages import InputScriptType

from ..keys import HARDENED
from . import paths
from .coins import Coin

_LEGACY = (InputScriptType.SPENDADDRESS, InputScriptType.SPENDMULTISIG)
_MAX_CHANGE = 1
_MAX_INDEX = 1_000_000


class Unlocked(Enum):
    """What the person has given access to of the coinjoin account (SLIP-25)."""

    NOTHING = "nothing"
    EXTERNAL = "external chain"
    ALL = "both chains"


class PathPolicy(Protocol):
    """A firmware's opinion about paths."""

    def allows(self, coin: Coin, path: Sequence[int], unlocked: Unlocked = Unlocked.NOTHING) -> bool:
        """Whether a path is one of the coin's, whatever the script type."""
        ...

    def fits(
        self,
        coin: Coin,
        path: Sequence[int],
        script_type: InputScriptType,
        *,
        multisig: bool = False,
        for_message: bool = False,
        unlocked: Unlocked = Unlocked.NOTHING,
    ) -> bool:
        """Whether a path is usual for the script type; if not, the device warns."""
        ...


@dataclass(frozen=True, slots=True)
class SchemaPolicy:
    """Core firmware's schemas; a fork's differ by a few."""

    account: str = "0-100"
    bip44: str = paths.BIP44
    # Casa's 45' tree, Unchained's segwit use of it, and the key that signs Trezor One's firmware.
    casa: bool = True
    unchained_segwit: bool = True
    firmware_signing: bool = True
    # Unchained's older five-level tree.
    unchained_deprecated: bool = False

    def _any(self, patterns: Sequence[str], coin: Coin, path: Sequence[int]) -> bool:
        return any(paths.matches(pattern, coin, path, self.account) for pattern in patterns)

    def _unchained(self) -> list[str]:
        old = [paths.UNCHAINED_DEPRECATED] if self.unchained_deprecated else []
        return [paths.UNCHAINED_HARDENED, paths.UNCHAINED_UNHARDENED, *old]

    def allows(self, coin: Coin, path: Sequence[int], unlocked: Unlocked = Unlocked.NOTHING) -> bool:
        patterns = [self.bip44, paths.BIP48_RAW, paths.CASA_UNHARDENED, *self._unchained()]
        patterns += [paths.BIP49, paths.BIP84, paths.BIP48_P2SH_SEGWIT, paths.BIP48_SEGWIT, paths.BIP86]
        if self.casa:
            patterns.append(paths.CASA)
        if coin.slip44 == 0:
            patterns += [paths.BIP45, paths.GREEN_A, paths.GREEN_B]
            patterns += [paths.GREEN_SIGN_A, paths.GREEN_SIGN_B]
            patterns += [paths.T1_FIRMWARE] if self.firmware_signing else []
        if unlocked is not Unlocked.NOTHING:
            whole = unlocked is Unlocked.ALL
            patterns.append(paths.SLIP25_TAPROOT if whole else paths.SLIP25_TAPROOT_EXTERNAL)
        return self._any(patterns, coin, path)

    def fits(
        self,
        coin: Coin,
        path: Sequence[int],
        script_type: InputScriptType,
        *,
        multisig: bool = False,
        for_message: bool = False,
        unlocked: Unlocked = Unlocked.NOTHING,
    ) -> bool:
        green = [paths.GREEN_A, paths.GREEN_B] if coin.slip44 == 0 else []
        patterns: list[str] = []
        if script_type == InputScriptType.SPENDADDRESS and not multisig:
            signing = for_message and self.firmware_signing
            patterns = [self.bip44, *green, *([paths.T1_FIRMWARE] if signing else [])]
        elif script_type in _LEGACY and multisig:
            bip45 = [paths.BIP45] if coin.slip44 == 0 else []
            patterns = [paths.BIP48_RAW, *bip45, *green, *self._unchained()]
        elif script_type == InputScriptType.SPENDP2SHWITNESS:
            patterns = [paths.BIP49, paths.CASA_UNHARDENED, *green]
            patterns += [paths.CASA] if self.casa else []
            patterns += [paths.BIP48_P2SH_SEGWIT] if multisig else []
        elif script_type == InputScriptType.SPENDWITNESS:
            unchained = self._unchained() if self.unchained_segwit else []
            patterns = [paths.BIP84, *green, *([paths.BIP48_SEGWIT, *unchained] if multisig else [])]
        elif script_type == InputScriptType.SPENDTAPROOT:
            patterns = [paths.BIP86, paths.SLIP25_TAPROOT]
        return self._any(patterns, coin, path)


def _in(value: int, highest: int) -> bool:
    """Unhardened, and not above."""
    return value <= highest


def _hardened_in(value: int, highest: int) -> bool:
    return bool(value & HARDENED) and value - HARDENED <= highest


@dataclass(frozen=True, slots=True)
class _Use:
    """What a path is to be used for."""

    script_type: InputScriptType
    multisig: bool

    def is_group_of(self, *script_types: InputScriptType) -> bool:
        return self.multisig and self.script_type in script_types


@dataclass(frozen=True, slots=True)
class PrefixPolicy:
    """The C firmware's decision by the first step of a path (coin_path_check in its crypto.c)."""

    max_account: int = 100
    # Under 45' a five-level path with a hardened second step is accepted whatever the rest is.
    bip45_hardened_unchecked: bool = True
    # Unchained's 45' tree is usual for segwit groups, too.
    unchained_segwit: bool = True

    def allows(self, coin: Coin, path: Sequence[int], unlocked: Unlocked = Unlocked.NOTHING) -> bool:
        return self._check(coin, path, unlocked, None)

    def fits(
        self,
        coin: Coin,
        path: Sequence[int],
        script_type: InputScriptType,
        *,
        multisig: bool = False,
        for_message: bool = False,
        unlocked: Unlocked = Unlocked.NOTHING,
    ) -> bool:
        return self._check(coin, path, unlocked, _Use(script_type, multisig))

    def _check(self, coin: Coin, path: Sequence[int], unlocked: Unlocked, use: _Use | None) -> bool:
        if not path:
            return False
        purpose = path[0]
        if purpose == HARDENED + 45:
            return self._bip45(coin, path, use)
        if purpose == HARDENED + 48:
            return self._bip48(coin, path, use)
        single = {
            HARDENED + 44: InputScriptType.SPENDADDRESS,
            HARDENED + 49: InputScriptType.SPENDP2SHWITNESS,
            HARDENED + 84: InputScriptType.SPENDWITNESS,
            HARDENED + 86: InputScriptType.SPENDTAPROOT,
        }
        if purpose in single:
            return self._single(coin, path, use, single[purpose])
        if purpose == 49:
            return self._casa(coin, path) and (
                use is None or use.script_type == InputScriptType.SPENDP2SHWITNESS
            )
        if purpose == paths.SLIP25_PURPOSE:
            return self._slip25(coin, path, unlocked, use)
        return coin.slip44 == 0 and self._green(path, use)

    def _single(
        self, coin: Coin, path: Sequence[int], use: _Use | None, script_type: InputScriptType
    ) -> bool:
        if len(path) != 5 or path[1] != HARDENED + coin.slip44:
            return False
        if not (_hardened_in(path[2], self.max_account) and _in(path[3], _MAX_CHANGE)):
            return False
        # Groups may live under 49' and 84', not under 44' and 86'.
        groups = script_type in (InputScriptType.SPENDP2SHWITNESS, InputScriptType.SPENDWITNESS)
        usual = use is None or (use.script_type == script_type and (groups or not use.multisig))
        return _in(path[4], _MAX_INDEX) and usual

    def _casa(self, coin: Coin, path: Sequence[int]) -> bool:
        """purpose / coin_type / account / change / index, all unhardened below the purpose."""
        return (
            len(path) == 5
            and path[1] == coin.slip44
            and _in(path[2], self.max_account)
            and _in(path[3], _MAX_CHANGE)
            and _in(path[4], _MAX_INDEX)
        )

    def _bip45(self, coin: Coin, path: Sequence[int], use: _Use | None) -> bool:
        kinds = list(_LEGACY)
        if len(path) == 4:
            good = coin.slip44 == 0 and _in(path[1], 100)
            good = good and _in(path[2], _MAX_CHANGE) and _in(path[3], _MAX_INDEX)
        elif len(path) == 5 and path[1] & HARDENED:
            good = self.bip45_hardened_unchecked or (
                path[1] == HARDENED + coin.slip44
                and _hardened_in(path[2], self.max_account)
                and _in(path[3], _MAX_INDEX)
                and _in(path[4], _MAX_INDEX)
            )
        elif len(path) == 5:
            good = self._casa(coin, path)
        else:
            good = len(path) == 6 and self._unchained(coin, path)
            kinds += [InputScriptType.SPENDWITNESS] if self.unchained_segwit else []
        return good and (use is None or use.is_group_of(*kinds))

    def _unchained(self, coin: Coin, path: Sequence[int]) -> bool:
        """45' / coin_type / account / 0-1000000 / change / index, both or neither hardened."""
        return (
            path[1] | HARDENED == HARDENED + coin.slip44
            and path[1] & HARDENED == path[2] & HARDENED
            and path[2] & ~HARDENED <= self.max_account
            and _in(path[3], 1_000_000)
            and _in(path[4], _MAX_CHANGE)
            and _in(path[5], _MAX_INDEX)
        )

    def _bip48(self, coin: Coin, path: Sequence[int], use: _Use | None) -> bool:
        if len(path) not in (5, 6) or path[1] != HARDENED + coin.slip44:
            return False
        if not _hardened_in(path[2], self.max_account):
            return False
        if not (_in(path[-2], _MAX_CHANGE) and _in(path[-1], _MAX_INDEX)):
            return False
        if len(path) == 5:  # Copay's, without a script type
            return use is None or use.is_group_of(InputScriptType.SPENDMULTISIG)
        kinds = {
            HARDENED: _LEGACY,
            HARDENED + 1: (InputScriptType.SPENDP2SHWITNESS,),
            HARDENED + 2: (InputScriptType.SPENDWITNESS,),
        }.get(path[3])
        return kinds is not None and (use is None or use.is_group_of(*kinds))

    def _slip25(self, coin: Coin, path: Sequence[int], unlocked: Unlocked, use: _Use | None) -> bool:
        pattern = paths.SLIP25_TAPROOT if unlocked is Unlocked.ALL else paths.SLIP25_TAPROOT_EXTERNAL
        if unlocked is Unlocked.NOTHING or not paths.matches(pattern, coin, path):
            return False
        return use is None or (use.script_type == InputScriptType.SPENDTAPROOT and not use.multisig)

    def _green(self, path: Sequence[int], use: _Use | None) -> bool:
        if path[0] == 1195487518:  # signs logins only: never usual
            good = len(path) == 1 or (len(path) == 3 and path[1] == 6 and _in(path[2], _MAX_INDEX))
            return good and use is None
        if path[0] in (1, 4):
            good = len(path) == 2 and _in(path[1], _MAX_INDEX)
        else:
            good = path[0] == HARDENED + 3 and len(path) == 4 and _hardened_in(path[1], 100)
            good = good and path[2] in (1, 4) and _in(path[3], _MAX_INDEX)
        return good and (use is None or use.script_type != InputScriptType.SPENDTAPROOT)
