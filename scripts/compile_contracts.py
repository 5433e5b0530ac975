"""Rebuild the committed contract artefacts of the emulated Ethereum chain with solc from npm.

`make contracts` installs the two compilers and runs this; nothing else needs a compiler. The artefact holds
what was compiled (file names with their SHA-256), by what and how, beside ABI and bytecode.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "emulator" / "chains" / "ethereum" / "contracts"
SOURCES = CONTRACTS / "src"
SAFE = SOURCES / "safe-1.4.1"
OUTPUT = {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}}
OURS = {
    "compiler": "solc",
    "settings": {
        "optimizer": {"enabled": True, "runs": 200},
        "evmVersion": "shanghai",
        "metadata": {"bytecodeHash": "none"},
    },
    "folder": SOURCES,
    "files": sorted(path.name for path in SOURCES.glob("*.sol")),
    "license": "AGPL-3.0-or-later",
}
# The package's own: hardhat's defaults, source text inside the metadata that the bytecode's hash commits to.
THEIRS = {
    "compiler": "solc-0.7.6",
    "settings": {"optimizer": {"enabled": False, "runs": 200}, "metadata": {"useLiteralContent": True}},
    "folder": SAFE,
    "files": sorted(str(path.relative_to(SAFE)) for path in (SAFE / "contracts").rglob("*.sol")),
    "license": "LGPL-3.0-only",
    "origin": "npm @safe-global/safe-contracts 1.4.1",
}
SAFE_NAMES = {
    "Safe", "SafeL2", "SafeProxy", "SafeProxyFactory", "CompatibilityFallbackHandler", "MultiSend",
    "MultiSendCallOnly",
}  # fmt: skip
RUN_SOLC = """
const solc = require(process.argv[1]);
let text = "";
process.stdin.on("data", chunk => text += chunk);
process.stdin.on("end", () => process.stdout.write(
  JSON.stringify({version: solc.version(), output: JSON.parse(solc.compile(text))})));
"""


def main(modules: Path) -> None:
    for old in CONTRACTS.glob("*.json"):
        old.unlink()
    for job in (OURS, THEIRS):
        for name, artefact in compiled(job, modules).items():
            text = json.dumps(artefact, separators=(",", ":"), sort_keys=True)
            (CONTRACTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
            print(name, len(artefact["bytecode"]) // 2, "bytes")


def compiled(job: dict, modules: Path) -> dict[str, dict]:
    """Artefacts by contract name; exits with the compiler's words when it refuses."""
    texts = {name: (job["folder"] / name).read_text(encoding="utf-8") for name in job["files"]}
    question = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in texts.items()},
        "settings": {**job["settings"], "outputSelection": OUTPUT},
    }
    run = subprocess.run(
        ["node", "-e", RUN_SOLC, str((modules / job["compiler"]).resolve())],  # noqa: S607
        input=json.dumps(question), capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer = json.loads(run.stdout)
    if errors := [each for each in answer["output"].get("errors", []) if each["severity"] == "error"]:
        sys.exit("\n".join(each["formattedMessage"] for each in errors))
    folder = job["folder"].relative_to(CONTRACTS)
    sources = {str(folder / name): hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    found = {}
    alone = job is OURS  # our files import nothing
    for file, contracts in answer["output"]["contracts"].items():
        for name, contract in contracts.items():
            if not contract["evm"]["bytecode"]["object"] or (job is THEIRS and name not in SAFE_NAMES):
                continue
            code, runtime = (contract["evm"][key]["object"] for key in ("bytecode", "deployedBytecode"))
            found[name] = {
                "name": name,
                "file": str(folder / file),
                "compiler": answer["version"],
                "settings": job["settings"],
                "license": job["license"],
                "origin": job.get("origin", "this project"),
                "sources": {
                    path: each for path, each in sources.items() if not alone or path == str(folder / file)
                },
                "abi": contract["abi"],
                "bytecode": code,
                # where in the bytecode the runtime stands; immutables are zero there
                "runtime": [code.index(runtime) // 2, len(runtime) // 2],
            }
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".contracts/node_modules"))
