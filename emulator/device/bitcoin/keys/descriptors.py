"""Output descriptors of accounts (BIP380 to BIP386, BIP389), as public keys are exported with them."""

from __future__ import annotations

from trezorlib.messages import InputScriptType

_DESCRIPTORS = {
    InputScriptType.SPENDADDRESS: "pkh({})",
    InputScriptType.SPENDP2SHWITNESS: "sh(wpkh({}))",
    InputScriptType.SPENDWITNESS: "wpkh({})",
    InputScriptType.SPENDTAPROOT: "tr({})",
}


def descriptor_checksum(descriptor: str) -> str:
    """BIP380 checksum of an output descriptor."""
    charset = (
        "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
    )
    generator = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)
    symbols: list[int] = []
    groups: list[int] = []
    for char in descriptor:
        value = charset.index(char)
        symbols.append(value & 31)
        groups.append(value >> 5)
        if len(groups) == 3:
            symbols.append(groups[0] * 9 + groups[1] * 3 + groups[2])
            groups = []
    if groups:
        symbols.append(groups[0] if len(groups) == 1 else groups[0] * 3 + groups[1])
    check = 1
    for value in symbols + [0] * 8:
        top = check >> 35
        check = (check & 0x7FFFFFFFF) << 5 ^ value
        for i in range(5):
            check ^= generator[i] if top >> i & 1 else 0
    check ^= 1
    return "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[check >> 5 * (7 - i) & 31] for i in range(8))


def account_descriptor(script_type: InputScriptType, fingerprint: int, path: str, xpub: str) -> str | None:
    """Both chains of the account at `path` (m/84'/...), None for a script type without one."""
    form = _DESCRIPTORS.get(script_type)
    if form is None:
        return None
    origin = path[1:].replace("'", "h")
    descriptor = form.format(f"[{fingerprint:08x}{origin}]{xpub}/<0;1>/*")
    return f"{descriptor}#{descriptor_checksum(descriptor)}"
