"""TLS to the central system: at least 1.2, its chain and name verified (white paper, profiles 2 and 3).

The times of its certificates are not judged by the TLS library, which knows only the machine's clock, but here after
the handshake and before anything is sent, by the rules of station.security.lifetime. Imported only from profile 2 on.
"""

import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from station.errors import AccessRefused, SecurityError
from station.security.certificates import Certificate, CertificateError, parse_der
from station.security.events import EventKind
from station.security.lifetime import Moment, invalidity

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL; the ssl module has no name for it."""

_CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    )
)
"""For TLS 1.2: the four suites of the white paper, and before its two without forward secrecy two that have it."""

_VERSION_REASONS = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"})
_CIPHER_REASONS = frozenset({"TLSV1_ALERT_INSUFFICIENT_SECURITY", "NO_SHARED_CIPHER", "WRONG_CIPHER_RETURNED"})
_OURS_REFUSED = (
    "CERTIFICATE_REQUIRED",
    "ALERT_UNKNOWN_CA",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
    "ALERT_HANDSHAKE_FAILURE",
)
"""Ends of OpenSSL's names of the alerts by which a server refuses a client certificate, or that there is none."""


class Context(ssl.SSLContext):
    """A client's context that resumes the last session: that saves some kB and two round trips at each reconnect."""

    session: ssl.SSLSession | None = None
    chain: tuple[Certificate, ...] = ()
    """Of the full handshake: a resumed session verifies none anew."""

    # Any: as the ssl module has it.
    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """See ssl.SSLContext."""
        return super().wrap_bio(*args, **{**kwargs, "session": self.session})

    def keep_session(self, tls: ssl.SSLObject) -> None:
        """Keep the session of a connection that worked, for the next."""
        self.session = tls.session
        self.chain = verified_chain(tls) or self.chain

    def check(self, tls: ssl.SSLObject | ssl.SSLSocket, moment: Moment) -> None:
        """Judge the times of the central system's certificates, after the handshake.

        Raises:
            AccessRefused: one is not valid now.
        """
        try:
            for certificate in verified_chain(tls) or self.chain:
                if reason := invalidity(certificate.span, moment):
                    raise CertificateError(f"{certificate.name}: {reason}")
        except CertificateError as error:
            self.session = None
            raise AccessRefused(
                f"the central system's certificate can't be accepted: {error}",
                EventKind.INVALID_CENTRAL_SYSTEM_CERTIFICATE,
            ) from error


def make_context(roots: Iterable[str], client: tuple[Path, Path] | None) -> Context:
    """Make the context of a profile.

    Args:
        roots: PEM of the trusted central system roots; without any nobody is trusted.
        client: files of our own chain and key, for profile 3.

    Raises:
        SecurityError: a file can't be used.
    """
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    try:
        context.set_ciphers(_CIPHERS)
        if trusted := "\n".join(roots):
            context.load_verify_locations(cadata=trusted)
        if client:
            context.load_cert_chain(*client)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise SecurityError(f"the certificates of this station can't be used: {error}") from error
    return context


def verified_chain(tls: ssl.SSLObject | ssl.SSLSocket) -> tuple[Certificate, ...]:
    """Give the chain that was verified, the server's own certificate first; empty for a resumed session.

    Raises:
        CertificateError: a certificate can't be read.
    """
    # Python has a public name for this since 3.13. Any: what the private one gives has no types.
    public: Callable[[], list[bytes]] | None = getattr(tls, "get_verified_chain", None)
    if public:
        return tuple(parse_der(der) for der in public() or ())
    inner: Any = tls._sslobj  # type: ignore[union-attr]  # see above
    return tuple(parse_der(certificate.public_bytes(2)) for certificate in inner.get_verified_chain() or ())


def refusal(error: ssl.SSLError) -> AccessRefused | None:
    """Tell whether a TLS error means that the sides don't accept each other; None: bytes were lost, try again."""
    reason = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the central system's certificate can't be accepted: {error.verify_message}"
        return AccessRefused(text, EventKind.INVALID_CENTRAL_SYSTEM_CERTIFICATE)
    if reason in _VERSION_REASONS:
        return AccessRefused(
            "the central system speaks no TLS version that may be used (1.2 or newer)", EventKind.INVALID_TLS_VERSION
        )
    if reason in _CIPHER_REASONS:
        return AccessRefused("the central system offers no cipher that may be used", EventKind.INVALID_CIPHER_SUITE)
    if reason.endswith(_OURS_REFUSED):
        return AccessRefused(
            f"the central system does not accept this station's certificate ({reason.lower()})",
            EventKind.FAILED_TO_AUTHENTICATE,
        )
    return None
