"""The functions of a Safe that are known: its changes of itself, what is read, what is refused by name.

Source: Safe.sol and its bases (1.3.0, 1.4.1). A function that is not here is unknown, and is not signed.
"""

from __future__ import annotations

from typing import Final, Literal

from vault.ethereum.contracts.table import ContractTable, KnownFunction, call, refused, view
from vault.ethereum.safe.execute import EXEC

Kind = Literal[
    "add_owner",
    "remove_owner",
    "swap_owner",
    "change_threshold",
    "enable_module",
    "disable_module",
    "set_guard",
    "set_fallback_handler",
]

CHANGES: Final[dict[Kind, KnownFunction]] = {
    "add_owner": call("addOwnerWithThreshold(address owner, uint256 threshold)"),
    "remove_owner": call("removeOwner(address prevOwner, address owner, uint256 threshold)"),
    "swap_owner": call("swapOwner(address prevOwner, address owner, address newOwner)"),
    "change_threshold": call("changeThreshold(uint256 threshold)"),
    "enable_module": call("enableModule(address module)"),
    "disable_module": call("disableModule(address prevModule, address module)"),
    "set_guard": call("setGuard(address guard)"),
    "set_fallback_handler": call("setFallbackHandler(address handler)"),
}
_MODULE: Final = "only a module may call it, and no owner signs for it"
# What a Safe may be called for: by itself its changes, by others nothing that is in no plan.
SAFE_TABLE: Final = ContractTable(
    "safe",
    "Safe",
    (
        *CHANGES.values(),
        *(view(f"{each}() returns (uint256)") for each in ("nonce", "getThreshold")),
        view("VERSION() returns (string)"),
        view("getOwners() returns (address[])"),
        refused(
            "setup(address[] owners, uint256 threshold, address to, bytes data, address fallbackHandler, "
            "address paymentToken, uint256 payment, address paymentReceiver)",
            "it is for a Safe that has no owners yet",
        ),
        refused("approveHash(bytes32 hashToApprove)", "an approved hash stays approved for ever"),
        refused("execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation)", _MODULE),
        refused(
            "execTransactionFromModuleReturnData(address to, uint256 value, bytes data, uint8 operation)",
            _MODULE,
        ),
        refused("simulateAndRevert(address target, bytes data)", "it delegatecalls"),
        refused("setModuleGuard(address guard)", "no known version of Safe has it"),
        KnownFunction(EXEC, "refused", "a Safe that executes a Safe's transaction is read by nobody"),
    ),
)
