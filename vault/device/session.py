"""One open device, one wallet, one owner: the only way the program talks to hardware.

The wallet is recognised by its root fingerprint, at open and again before anything is shown or signed.
After any error the session is over: the device is told to cancel, the line is closed and never used
again, so that no late answer is taken for a new one.
"""

from __future__ import annotations

import base64
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar

from vault.address import Network, base58check_decode
from vault.config import PassphraseSource
from vault.device import failures
from vault.device.bitcoin.describe import address_lines, describe
from vault.device.bitcoin.request import OnSigned, SignedInputs, SpendRequest
from vault.device.bitcoin.sign import merge, run_pass
from vault.device.bitcoin.translate import translate
from vault.device.connection.connect import (
    CALL_MESSAGES,
    CONNECT_LIMIT_S,
    Connection,
    Surroundings,
    open_connection,
)
from vault.device.connection.credentials import PairingCredential, no_credentials
from vault.device.connection.features import (
    DeviceInfo,
    DeviceKind,
    require_awake,
    require_kind,
    require_strict,
    require_usable,
)
from vault.device.connection.keyboard import NOBODY, Keyboard, require_compared, require_comparer
from vault.device.health.authenticity import TREZOR_WITH_ELEMENT, AuthenticityReport, authenticate
from vault.device.health.firmware import require_supported
from vault.device.message import message_lines
from vault.device.paths import (
    PathLike,
    check_account_path,
    check_message_path,
    check_wallet_path,
    coin_name,
    format_path,
    parse_path,
)
from vault.device.prompt import OnPrompt, OnSigning, Prompt, SigningProgress, nobody_watches, silent
from vault.errors import DeceivedError, DeviceError, VaultError, WrongDeviceError

MAX_MESSAGE: Final = 4096
_P2WPKH_HEADERS: Final = range(39, 43)

T = TypeVar("T")


class DeviceSession:
    """An open wallet on a device; made by `open_device`, used by the thread that opened it."""

    def __init__(self, session: Any, connection: Connection) -> None:
        self._session = session
        self._connection = connection
        self._line = connection.line
        self._info = connection.info
        self._limit_s = connection.around.limit_s
        self._on_prompt = connection.around.on_prompt
        self._owner = threading.get_ident()
        self._fingerprint = ""

    @property
    def fingerprint(self) -> str:
        """Root fingerprint of the wallet: 8 hex digits."""
        return self._fingerprint

    @property
    def features(self) -> DeviceInfo:
        """What the device said about itself when it was last asked."""
        return self._info

    def xpub(self, path: PathLike, network: Network | None = None) -> str:
        """The extended public key (xpub or tpub, never SLIP-132) of an account path.

        Raises `DeviceError` (``device.forbidden_path``, ``device.bad_public_key``, …).
        """
        steps = parse_path(path)
        wanted = check_account_path(steps)
        if network is not None and network.coin_type != wanted.coin_type:
            raise DeviceError("forbidden_path", f"{format_path(steps)} does not belong to {network.name}")
        node = self._call(lambda: self._public_node(steps, network or wanted))
        return str(node.xpub)

    def public_key(self, path: PathLike, network: Network) -> str:
        """The compressed public key (66 hex digits) of an address path, shown nowhere.

        Raises `DeviceError`.
        """
        steps = parse_path(path)
        check_message_path(steps, network)
        node = self._call(lambda: self._public_node(steps, network))
        return bytes(node.node.public_key).hex()

    def show_address(self, network: Network, path: PathLike, script_type: str, *, expected: str) -> str:
        """Have the device show an address; it must be `expected`, which we derived ourselves.

        Raises what `compare` raises, and `DeviceError` (``device.forbidden_path``).
        """
        from trezorlib import btc

        from vault.device.bitcoin.multisig import input_kinds

        steps = parse_path(path)
        check_wallet_path(steps, script_type, network)

        def show(session: Any) -> object:
            return btc.get_authenticated_address(
                session,
                coin_name(network),
                list(steps),
                show_display=True,
                script_type=input_kinds()[script_type],
            ).address

        return self.compare(expected, steps, show)

    def compare(
        self, expected: str, path: Sequence[int], show: Callable[[Any], object], facts: Sequence[str] = ()
    ) -> str:
        """Run the exchange that shows an address at `path`; device and person must have it as `expected`.

        Raises `DeceivedError` (``device.address_mismatch``), `DeviceRefusedError` when the person says no,
        and `DeviceError`: ``device.not_compared_by_person`` where a model leaves that to a person, and
        nobody is there.
        """
        self._prepare()
        keyboard = self._connection.around.keyboard
        require_comparer(keyboard, self._info)
        self._prompt("show_address", *address_lines(expected, path, self._info), *facts)
        found = self._call(lambda: show(self._session))
        try:
            if found != expected:
                raise DeceivedError(
                    "address_mismatch",
                    f"expected {expected} at {format_path(path)}, found {failures.said(found)}",
                    hint="Do not use either address: the device, its line or the descriptor is wrong.",
                )
            require_compared(keyboard, self._info, expected)
        except BaseException:
            self._abandon()
            raise
        return expected

    def sign_message(self, path: PathLike, text: str, network: Network) -> str:
        """Sign a line of 7-bit text with the p2wpkh key of `path`; base64 of 65 bytes, header 39 to 42.

        The signature is not verified here: see `vault.attestation.verify`. Raises `DeviceError`.
        """
        from trezorlib import btc, messages

        steps = parse_path(path)
        check_message_path(steps, network)
        if not 0 < len(text) <= MAX_MESSAGE or not all(" " <= char <= "~" for char in text):
            raise DeviceError(
                "bad_message", f"expected 1 to {MAX_MESSAGE} characters of printable 7-bit text in one line"
            )
        self._prepare()
        require_strict(self._info)
        self._prompt("sign_message", *message_lines(text, steps, self._info))
        raw = self._call(
            lambda: bytes(
                btc.sign_message(
                    self._session,
                    coin_name(network),
                    list(steps),
                    text,
                    script_type=messages.InputScriptType.SPENDWITNESS,
                ).signature
            )
        )
        if len(raw) != 65 or raw[0] not in _P2WPKH_HEADERS:
            self._abandon()
            raise DeceivedError(
                "bad_signature",
                f"expected 65 bytes with header 39 to 42, found {len(raw)} bytes: {raw[:1].hex()}",
                hint="Unplug the device and find out what is wrong with it.",
            )
        return base64.b64encode(raw).decode()

    def sign_transaction(
        self, request: SpendRequest, network: Network, on_signing: OnSigning = nobody_watches
    ) -> SignedInputs:
        """Sign every input of a request that was filled from a verified PSBT, with all our keys of it.

        The device must hold a key of every input, with strict safety checks; `on_signing` hears of each
        signature, and of each run that was proven. What is returned is valid over our own signature
        hashes. Raises `DeviceError` and its kin; nothing of a failed signing is kept.
        """
        translation = translate(request, network, self._fingerprint)
        runs = translation.passes
        passes = []
        for number, run in enumerate(runs, start=1):
            lines = describe(request, network, self._info, run, translation.outputs)
            several = (f"run {number} of {len(runs)}: one for each key of yours",) if len(runs) > 1 else ()
            count = _counter(on_signing, number, len(runs))
            work = partial(run_pass, translation=translation, run=run, request=request, on_signed=count)
            prompt = Prompt("sign_transaction", (*lines, *several))
            passes.append(self.ask(prompt, work, messages=translation.message_budget))
            total = len(request.inputs)
            on_signing(SigningProgress(number, len(runs), total, total, proven=True))
        return merge(translation, request, passes)

    def read(self, run: Callable[[Any], T]) -> T:
        """Run an exchange on the library's own session that shows nothing. Raises `DeviceError`."""
        self._prepare()
        return self._call(lambda: run(self._session))

    def ask(self, prompt: Prompt, run: Callable[[Any], T], *, messages: int = CALL_MESSAGES) -> T:
        """Have the person judge something, and run its exchange on the library's own session.

        The same wallet, unlocked and with strict safety checks, is proven right before. Raises
        `DeviceError` and its kin; after any error of the exchange the session is over.
        """
        self._prepare()
        require_strict(self._info)
        self._on_prompt(prompt)
        return self._call(lambda: run(self._session), messages=messages)

    def authenticate(self) -> AuthenticityReport:
        """Ask the secure element, where there is one. Raises `DeviceError`, `DeviceRefusedError`."""
        self._prepare()
        if self._info.internal_model in TREZOR_WITH_ELEMENT:
            self._prompt("authenticate", "Allow the check of the device's authenticity.")
        return self._call(lambda: authenticate(self._session, self._info))

    def _prompt(self, action: str, *lines: str) -> None:
        self._on_prompt(Prompt(action, lines))

    def _prepare(self) -> None:
        """Right before a person is asked: the same wallet, unlocked, in its present settings."""
        self._call(self._refresh, limit_s=min(self._limit_s, CONNECT_LIMIT_S))

    def _refresh(self) -> None:
        from trezorlib import messages

        answer = self._session.call(messages.GetFeatures(), expect=messages.Features)
        self._info = self._connection.described(answer)
        require_usable(self._info)
        self._require_fingerprint(self._fingerprint)

    def _require_fingerprint(self, expected: str | None, *, typed: bool = False) -> None:
        from trezorlib import messages
        from trezorlib.client import GET_ROOT_FINGERPRINT_MESSAGE

        # Asked anew each time: the library's own accessor remembers the first answer.
        answer = self._session.call(GET_ROOT_FINGERPRINT_MESSAGE, expect=messages.PublicKey)
        found = int(answer.node.fingerprint).to_bytes(4, "big").hex()
        if expected is not None and found != expected:
            raise self._wrong_wallet(expected, found, typed=typed)
        self._fingerprint = found

    def _wrong_wallet(self, expected: str, found: str, *, typed: bool) -> WrongDeviceError:
        hint = "Connect the device that is configured; if its wallet has a passphrase, set `passphrase`."
        if typed:
            hint = "Type the passphrase of that wallet, or connect the device that is configured."
        if self._info.attached_pin:
            hint = "It was unlocked with a PIN attached to a hidden wallet: lock it, and use its main PIN."
        return WrongDeviceError(
            "wrong_passphrase" if typed else "wrong_wallet",
            f"expected the wallet {expected}, found {found} on {self._info.model}",
            hint=hint,
            expected=expected,
            found=found,
        )

    def _public_node(self, steps: tuple[int, ...], network: Network) -> Any:
        from trezorlib import btc

        answer = btc.get_public_node(
            self._session, list(steps), coin_name=coin_name(network), ignore_xpub_magic=True
        )
        node = answer.node
        serialised = (
            network.xpub
            + bytes([len(steps)])
            + int(node.fingerprint).to_bytes(4, "big")
            + steps[-1].to_bytes(4, "big")
            + bytes(node.chain_code)
            + bytes(node.public_key)
        )
        parts = (node.depth, node.child_num, len(node.chain_code), len(node.public_key))
        if parts != (len(steps), steps[-1], 32, 33) or base58check_decode(answer.xpub) != serialised:
            raise DeviceError(
                "bad_public_key",
                f"the device's key for {format_path(steps)} contradicts itself",
                hint=failures.RETRY,
            )
        return answer

    def _call(
        self, run: Callable[[], T], *, messages: int = CALL_MESSAGES, limit_s: float | None = None
    ) -> T:
        """Run one exchange within its limits, and prove that its answer was the answer to it."""
        if threading.get_ident() != self._owner:
            raise DeviceError("wrong_thread", "a device session belongs to the thread that opened it")
        try:
            # One more message for the proof that questions and answers are in step.
            self._line.allow(self._limit_s if limit_s is None else limit_s, messages + 1)
            result = run()
            self._connection.require_in_step()
        except BaseException as error:
            self._abandon()
            if isinstance(error, _CallersError):
                raise error.cause from None
            if isinstance(error, Exception) and not isinstance(error, VaultError):
                raise failures.from_exception(error) from None
            raise
        return result

    def _abandon(self) -> None:
        self._line.cancel()
        self._line.close()

    def end(self) -> None:
        """Give the device its session slot back, if the line is whole."""
        from trezorlib import messages

        if self._line.alive:
            with suppress(Exception):
                self._line.allow(min(self._limit_s, 2.0), 2)
                self._session.call(messages.EndSession())


class _CallersError(BaseException):
    """What a caller's own function raised in the middle of an exchange: no error of the device."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


def _counter(on_signing: OnSigning, run: int, runs: int) -> OnSigned:
    """Tells of the signatures of one run, none of which is proven yet."""

    def count(answered: int, inputs: int) -> None:
        try:
            on_signing(SigningProgress(run, runs, answered, inputs))
        except Exception as error:  # noqa: BLE001 -- it is handed on as it is
            raise _CallersError(error) from None

    return count


def _any_device(_info: DeviceInfo) -> None:
    """Permits every device."""


@contextmanager
def open_device(
    path: str,
    *,
    kind: DeviceKind | None,
    expected_fingerprint: str | None,
    timeout_s: float,
    on_prompt: OnPrompt = silent,
    passphrase: PassphraseSource = "none",  # noqa: S107 -- where it is typed, not what it is
    keyboard: Keyboard = NOBODY,
    credentials: Callable[[], Sequence[PairingCredential]] = no_credentials,
    permit: Callable[[DeviceInfo], None] = _any_device,
) -> Iterator[DeviceSession]:
    """Open the wallet on the device at `path` for the length of a ``with`` block.

    `timeout_s` is the time a person has for each answer. `expected_fingerprint` is the configured root
    fingerprint; None only to learn it when a device is added. `kind` None takes either make. `permit` is
    asked before the wallet is touched. Raises `DeviceError`, `WrongDeviceError`, and what `permit` raises.
    """
    around = Surroundings(timeout_s, on_prompt, keyboard, credentials)
    with open_connection(path, around) as connection:
        require_kind(connection.info, kind)
        permit(connection.info)
        session = open_wallet(connection, passphrase, expected_fingerprint)
        yield session
        session.end()


def open_wallet(
    connection: Connection, source: PassphraseSource, expected_fingerprint: str | None
) -> DeviceSession:
    """The wallet of a passphrase on a device that is fit for use; it is unlocked if need be.

    Raises `DeviceError` and `WrongDeviceError`.
    """
    with failures.typed():
        return _open_wallet(connection, source, expected_fingerprint)


def _open_wallet(
    connection: Connection, source: PassphraseSource, expected_fingerprint: str | None
) -> DeviceSession:
    around, line = connection.around, connection.line
    connection.require_ready()
    require_supported(connection.info)
    require_awake(connection.info)
    if connection.info.locked:
        connection.unlock()  # first: a locked OneKey Pro answers nothing else before it has its PIN
        require_usable(connection.info)
    line.allow(around.connect_limit_s, CALL_MESSAGES)
    connection.require_in_step(skip_old=True)
    setting = connection.passphrase_setting(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # outdated firmware is an error here, not a warning
        wallet_session = connection.client.get_session(passphrase=setting)
    session = DeviceSession(wallet_session, connection)
    session._require_fingerprint(expected_fingerprint, typed=source != "none")
    connection.require_in_step()
    return session
