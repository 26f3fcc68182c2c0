"""X.509: our authority's certificate, requests of stations, what is signed for them. Imports cryptography.

Source: OCPP security white paper for 1.6, §4 and §6; 2.x part 2, A02, A03.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.ids import Secret

_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_RSA_BITS = (2048, 4096)
"""The shortest and the longest RSA key: shorter ones are weak, longer ones cost us more than they are worth."""

_BACKDATED = timedelta(days=1)
"""A station whose clock is late must not take a new certificate for one of the future."""


class RequestError(ValueError):
    """A request can't be signed. The text says why."""


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate: PEM, serial number as upper case hexadecimal digits, its end."""

    pem: str
    serial: str
    ends_at: datetime


def make_authority(name: str, now: datetime, days: int) -> tuple[Made, Secret]:
    """Make a root certificate (ECDSA P-256) and its key (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        _builder(subject, subject, key.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    return _made(made), Secret(pem)


def sign_request(
    request: str, identity: str, serial: str, *, authority: str, key: Secret, now: datetime, days: int
) -> Made:
    """Sign what a station asks for, in its name alone.

    Args:
        request: PEM.
        identity: of the charge point; it stands in the certificate whatever the subject is.
        serial: number that it told when it booted, which the subject may bear instead of the identity.
        authority: our certificate, PEM.
        key: of the authority, PEM.
        now: begin of the certificate's life.
        days: length of it; never beyond the authority's own end.

    Raises:
        RequestError: the request is not of this station, or its key is weak.
    """
    asked, root = _read(request), x509.load_pem_x509_certificate(authority.encode())
    names = [str(one.value) for one in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(names) != 1 or names[0] not in (identity, serial or identity):
        raise RequestError("its subject names another charge point")
    public = _checked_key(asked)
    signer = load_pem_private_key(key.value.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101  made by make_authority
    days = min(days, (root.not_valid_after_utc - now).days)
    if days < 1:
        raise RequestError("our certificate authority has ended: make a new one with emops-backend ca init")
    made = (
        _builder(asked.subject, root.subject, public, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        # No text of an identity breaks the form of a URI here: only what is not ASCII must be told otherwise.
        .add_extension(x509.SubjectAlternativeName([_alternative(identity)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, SHA256())
    )
    return _made(made)


def request_digest(request: str) -> str:
    """Name a request: SHA-256 of its DER in hexadecimal digits.

    Raises:
        RequestError: it is none.
    """
    return hashlib.sha256(_read(request).public_bytes(Encoding.DER)).hexdigest()


def _alternative(identity: str) -> x509.GeneralName:
    plain = all(letter.isalnum() or letter in "-." for letter in identity) and identity.isascii()
    return x509.DNSName(identity) if plain else x509.UniformResourceIdentifier(_ascii(identity))


def _ascii(identity: str) -> str:
    if not identity.isascii():
        raise RequestError("the charge point's identity is not ASCII, which no certificate can bear")
    return identity


def _read(request: str) -> x509.CertificateSigningRequest:
    try:
        asked = x509.load_pem_x509_csr(request.encode())
        if not asked.is_signature_valid:
            raise RequestError("its signature is wrong")
    except RequestError:
        raise
    except (ValueError, UnsupportedAlgorithm) as error:
        raise RequestError("it is no PKCS #10 request in PEM") from error
    return asked


def _checked_key(asked: x509.CertificateSigningRequest) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    key = asked.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return key
    if isinstance(key, rsa.RSAPublicKey) and _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        return key
    raise RequestError("its key must be ECDSA P-256, P-384 or P-521, or RSA of 2048 to 4096 bit")


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _BACKDATED,
        not_valid_after=now + timedelta(days=days),
    )


def _made(certificate: x509.Certificate) -> Made:
    pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
    return Made(pem, f"{certificate.serial_number:X}", certificate.not_valid_after_utc)
