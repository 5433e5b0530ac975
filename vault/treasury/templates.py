"""The text `vault init` writes, and the tables `vault device add` appends; pure text, valid as it stands.

Refuses values that would need escaping in TOML: everything put in here has been checked before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vault.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")  # printable 7-bit text without " and \

TREASURY: Final = """\
# treasury.toml: who and what this treasury is. Strict: a key that is not known here is an error.
# No secret belongs in this file: API keys are in the keyring (`vault venue add`), seeds on the devices.
schema = 1
treasury_id = "{treasury_id}"
# true: a treasury of the emulated world, whose devices may be emulators. It holds nothing of value.
emulated = {emulated}

# Paths are relative to this file.
store = "sqlite:///state/vault.db"
policy = "policy.toml"
address_book = "address-book.json"
plans = "plans"

[bitcoin]
# Until the root of trust is built only "regtest" is permitted, with a backend on this machine.
network = "regtest"
# An Esplora server: balances, fees, broadcast, confirmations.
esplora = "{esplora}"
# A transfer is done when its transaction is this deep.
confirmations = 3
timeout_seconds = 10

[risk]
# The joint move of all prices an account must survive, and the multiple of maintenance margin to keep in it.
joint_shock = "0.10"
maintenance_multiple = "1"

# The tables below name the parts of the treasury. `vault device add` writes the first three:
#   vault device add cold --path webusb:001:2 --wallet cold=cold --attester alice --write
#
# [[device]]
# name = "cold"
# kind = "trezor"                      # or "onekey"
# path = "webusb:001:2"                # or "bridge:...", or "udp:127.0.0.1:21324" for an emulator
# root_fingerprint = "00000000"        # which wallet it is; never its serial number
# passphrase = "none"                  # or "device": typed there; or "host": typed here, which exposes it
#
# [[device]]
# name = "spare"
# kind = "onekey"
# path = "webusb:001:3"
# root_fingerprint = "00000002"
#
# [[wallet]]
# name = "cold"
# role = "cold"                        # or "staging"
# descriptor = "wpkh([00000000/84h/1h/0h]tpub.../<0;1>/*)#checksum"
# device = "cold"
#
# [[wallet]]                           # a group: `vault wallet add vault --threshold 2 --device ...`
# name = "vault"
# role = "cold"
# descriptor = "wsh(sortedmulti(2,[00000000/48h/...]...,[00000002/48h/...]...,[00000001/48h/...]...))#..."
# devices = ["cold", "spare"]          # its cosigners here
# outside = ["00000001"]               # fingerprints of those who sign through files
#
# [[chain]]                            # an Ethereum chain, by its id
# name = "mainnet"
# id = 1
# rpc = "http://127.0.0.1:8545"        # only a node on this machine is permitted yet
#
# [[account]]                          # an account there: a key of a device, a Safe, or only watched
# name = "gas"
# role = "gas"                         # or "cold", "staging", "signer"
# chain = "mainnet"
# address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" # with the letter case of EIP-55
# device = "cold"
# path = "m/44'/60'/0'/0/0"
#
# [[account]]
# name = "safe"
# role = "cold"
# chain = "mainnet"
# address = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
# assets = ["USDC", "ETH"]
# [account.safe]                       # who signs for it: our accounts, and addresses of others
# owners = ["gas"]
# outside = ["0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"]
# threshold = 2
# executor = "gas"                     # sends its transactions and pays their gas
#
# [[attester]]                         # a person whose device signs policy, address book and approvals
# name = "alice"
# device = "cold"
# public_key = "02..."                 # pinned here; a key in a document is never believed
# roles = ["policy", "address-book", "approve"]
#
# [[venue]]                            # a trading account; its keys are in the keyring under this name
# name = "trading"                     # the name that [[band]] in policy.toml uses
# exchange = "binance"
# account_uid = "0"                    # compared with what the venue says at every read
# url = "http://127.0.0.1:8080"        # only a venue on this machine is permitted yet
# contracts = ["BTCUSDT"]
# history_lag_seconds = 60             # how late the venue's withdrawal history may be
"""


def treasury_text(treasury_id: str, esplora: str, *, emulated: bool) -> str:
    """A commented treasury.toml that parses as it stands."""
    return TREASURY.format(
        treasury_id=_plain(treasury_id), esplora=_plain(esplora), emulated="true" if emulated else "false"
    )


def table(name: str, values: Sequence[tuple[str, str | tuple[str, ...]]]) -> str:
    """One ``[[name]]`` table of strings and lists of strings."""
    lines = [f"[[{name}]]"]
    for key, value in values:
        if isinstance(value, tuple):
            lines.append(f"{key} = [{', '.join(_quoted(item) for item in value)}]")
        else:
            lines.append(f"{key} = {_quoted(value)}")
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return f'"{_plain(value)}"'


def _plain(value: str) -> str:
    if not _PLAIN.fullmatch(value):
        raise ConfigError("bad_value", f"expected plain 7-bit text without quotes, found {value!r}")
    return value
