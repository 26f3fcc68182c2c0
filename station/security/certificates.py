"""X.509: certificates to facts, keys, signing requests. One of the modules that import cryptography.

It is loaded only where there are certificates: a station of profile 0 or 1 saves the memory.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from station.security.lifetime import Moment, Span, invalidity

HASHES = {"SHA256": hashlib.sha256, "SHA384": hashlib.sha384, "SHA512": hashlib.sha512}
"""HashAlgorithmEnumType."""

_RSA_BITS = 2048
_EC_BITS = 224
"""Shortest keys (white paper, keys of 112 bit strength)."""

_PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class CertificateError(ValueError):
    """A certificate or chain can't be used. The text says why and holds nothing secret."""


@dataclass(frozen=True, slots=True)
class HashData:
    """What names a certificate (CertificateHashDataType): hexadecimal hashes and serial number, in lower case."""

    algorithm: str
    issuer_name: str
    issuer_key: str
    serial: str


class Certificate:
    """One certificate."""

    def __init__(self, parsed: x509.Certificate) -> None:
        self._parsed = parsed

    @property
    def name(self) -> str:
        """Give the subject's common name, else the whole subject."""
        names = self._parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else self._parsed.subject.rfc4514_string()

    @property
    def span(self) -> Span:
        """Tell how long it is valid."""
        return Span(self._parsed.not_valid_before_utc.astimezone(UTC), self._parsed.not_valid_after_utc.astimezone(UTC))

    @property
    def fingerprint(self) -> str:
        """Give the SHA-256 of the whole certificate in hexadecimal digits."""
        return self._parsed.fingerprint(SHA256()).hex()

    @property
    def pem(self) -> str:
        """Give it as PEM."""
        return self._parsed.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def is_ca(self) -> bool:
        """Tell whether it may issue others."""
        try:
            return self._parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            return False

    @property
    def public_key(self) -> bytes:
        """Give the public key as DER."""
        return self._key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def check_key(self) -> None:
        """Check that the key is of a kind and length that may be used.

        Raises:
            CertificateError: it is not.
        """
        key = self._key()
        least = _EC_BITS if isinstance(key, ec.EllipticCurvePublicKey) else _RSA_BITS
        if key.key_size < least:
            raise CertificateError(f"{self.name}: a key of {key.key_size} bit is too short, it takes {least}")

    def has_signed(self, digest: bytes, signature: str) -> bool:
        """Tell whether its key signed something: RSA-PSS or ECDSA, each with SHA-256 (white paper ed. 3, L01).

        Args:
            digest: SHA-256 of it.
            signature: base64.
        """
        key, sha256 = self._key(), Prehashed(SHA256())
        try:
            raw = base64.b64decode("".join(signature.split()), validate=True)
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(raw, digest, padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO), sha256)
            else:
                key.verify(raw, digest, ec.ECDSA(sha256))
        except (InvalidSignature, ValueError):
            return False
        return True

    def is_issued_by(self, issuer: "Certificate") -> bool:
        """Tell whether another certificate's key signed this one, and its name stands in it."""
        try:
            self._parsed.verify_directly_issued_by(issuer._parsed)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True

    def hash_data(self, algorithm: str = "SHA256") -> HashData:
        """Name a root certificate by hashes (white paper, CertificateHashDataType).

        Args:
            algorithm: a name of HASHES.
        """
        made = HASHES[algorithm]
        return HashData(
            algorithm,
            made(self._parsed.issuer.public_bytes()).hexdigest(),
            made(self._key_bits()).hexdigest(),
            f"{self._parsed.serial_number:x}",
        )

    def _key_bits(self) -> bytes:
        """Give what is in the bit string of the public key: that is hashed, not the structure around it."""
        key = self._key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)

    def _key(self) -> _PublicKey:
        try:
            key = self._parsed.public_key()
        except (ValueError, UnsupportedAlgorithm) as error:
            raise CertificateError(f"{self.name}: its key can't be read: {error}") from error
        if not isinstance(key, _PublicKey):
            raise CertificateError(f"{self.name}: its key is neither RSA nor of an elliptic curve")
        return key


def parse_chain(pem: str) -> tuple[Certificate, ...]:
    """Read the certificates of a PEM text, the first being the one that the others issued.

    Raises:
        CertificateError: there is none, or one can't be read.
    """
    try:
        return tuple(Certificate(parsed) for parsed in x509.load_pem_x509_certificates(pem.encode()))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError("this is not a certificate in PEM form") from error


def parse_der(der: bytes) -> Certificate:
    """Read one certificate of a TLS handshake.

    Raises:
        CertificateError: it can't be read.
    """
    try:
        return Certificate(x509.load_der_x509_certificate(der))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError("a certificate of the central system can't be read") from error


def parse_root(pem: str, moment: Moment) -> Certificate:
    """Read a root certificate that is to be trusted, and check it.

    Raises:
        CertificateError: it is none, or can't be trusted now.
    """
    chain = parse_chain(pem)
    root = chain[0]
    if len(chain) != 1:
        raise CertificateError(f"one root certificate is needed, these are {len(chain)}")
    if not root.is_ca or not root.is_issued_by(root):
        raise CertificateError(f"{root.name} is no root certificate: it must be of a CA and signed by itself")
    root.check_key()
    if reason := invalidity(root.span, moment):
        raise CertificateError(f"{root.name}: {reason}")
    return root


def check_client_chain(chain: Sequence[Certificate], public_key: bytes, common_name: str, moment: Moment) -> None:
    """Check a chain that was signed for this charge point.

    Args:
        chain: the charge point's own first.
        public_key: DER of the key that the signing request was made with.
        common_name: that was asked for.
        moment: now.

    Raises:
        CertificateError: what is wrong.
    """
    own = chain[0]
    if own.public_key != public_key:
        raise CertificateError("it is not for the key that was to be signed")
    if own.name != common_name:
        raise CertificateError(f"it is for {own.name!r}, not for {common_name!r}")
    if own.is_ca:
        raise CertificateError("it is a CA's certificate, not a charge point's")
    for certificate, issuer in pairwise(chain):
        if not issuer.is_ca or not certificate.is_issued_by(issuer):
            raise CertificateError(f"the chain breaks: {issuer.name} did not issue {certificate.name}")
    for certificate in chain:
        certificate.check_key()
        if reason := invalidity(certificate.span, moment):
            raise CertificateError(f"{certificate.name}: {reason}")


def check_signer(pem: str, roots: Iterable[str], moment: Moment) -> None:
    """Check the certificate of who signs firmware, up to one of the maker's roots.

    Args:
        pem: the certificate, and behind it those that issued it, up to below the root.
        roots: PEM of the maker's roots.
        moment: now.

    Raises:
        CertificateError: what is wrong.
    """
    chain = parse_chain(pem)
    if not chain:
        raise CertificateError("there is no certificate")
    trusted = [root for text in roots for root in parse_chain(text)]
    top = next((root for root in trusted if chain[-1].is_issued_by(root)), None)
    if top is None:
        raise CertificateError(f"{chain[-1].name} is not issued by any of the maker's {len(trusted)} roots")
    if chain[0].is_ca:
        raise CertificateError(f"{chain[0].name} is a CA's certificate, not a signer's")
    for certificate, issuer in pairwise((*chain, top)):
        if not issuer.is_ca or not certificate.is_issued_by(issuer):
            raise CertificateError(f"the chain breaks: {issuer.name} did not issue {certificate.name}")
    for certificate in (*chain, top):
        certificate.check_key()
        if reason := invalidity(certificate.span, moment):
            raise CertificateError(f"{certificate.name}: {reason}")


def new_key() -> bytes:
    """Make a private key for a client certificate, EC P-256, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_key_of(key_pem: bytes) -> bytes:
    """Give the public half of a private key, DER.

    Raises:
        CertificateError: it is no such key.
    """
    return _private(key_pem).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def signing_request(key_pem: bytes, common_name: str, organization: str) -> str:
    """Make a certificate signing request, PEM (RFC 2986): CN is the charge point, O the operator (white paper).

    Raises:
        CertificateError: the key can't be used, or a name is too long.
    """
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    if organization:
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(_private(key_pem), SHA256())
    return request.public_bytes(Encoding.PEM).decode("ascii")


def _private(key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError("the private key can't be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError("the private key is not of an elliptic curve")
    return key
