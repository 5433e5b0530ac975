"""What can go wrong with a device on demand: it vanishes, it hangs, or it is evil.

Evil switches make a device that follows the protocol and lies: a host that only counts bytes
accepts its answers, one that verifies them does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


@dataclass(slots=True)
class Faults:
    """Switches; all off is an honest device that works."""

    # Answers nothing any more, as if the cable were pulled.
    unplugged: bool = False
    # Vanishes after that many further answers; None: never.
    unplug_after: int | None = None
    # Hangs for good after the next confirmed question.
    stall_after_button: bool = False
    # Signs with another key of the same wallet.
    wrong_key_signature: bool = False
    # Returns signatures without their last byte, alone and in the serialised transaction.
    truncate_signature: bool = False
    # Signs a transaction whose first output pays someone else; serialises the one shown.
    sign_other_output: bool = False
    # Signs and serialises a transaction whose first output pays someone else.
    redirect_output: bool = False
    # Shows the right address and returns another one of the same wallet.
    wrong_address: bool = False

    def as_dict(self) -> dict[str, bool | int | None]:
        return asdict(self)

    def update(self, changes: Mapping[str, object]) -> None:
        """Set switches by name. ValueError names an unknown switch or a value of a wrong type."""
        known = {field.name for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(known))}")
            counts = name == "unplug_after"
            good = value is None or (type(value) is int and value >= 0) if counts else type(value) is bool
            if not good:
                wanted = "a count or null" if counts else "true or false"
                raise ValueError(f"fault {name!r} takes {wanted}, not {value!r}")
        for name, value in changes.items():
            setattr(self, name, value)
