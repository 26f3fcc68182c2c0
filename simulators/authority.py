"""A certificate authority for tests and demonstrations: roots, intermediates, servers and charge points. No real trust.

root = Authority("Example Root")
server = root.server("localhost", "127.0.0.1")    # server.key, server.chain: PEM
chain = root.sign(request)                        # what CertificateSigned carries
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2044, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Life:
    """How long a certificate is valid."""

    begin: datetime = BEGIN
    end: datetime = END

    @classmethod
    def around(cls, now: datetime, days_left: float, days: float = 365) -> "Life":
        """Give a life of so many days that ends in so many."""
        end = now + timedelta(days=days_left)
        return cls(end - timedelta(days=days), end)


FULL_LIFE = Life()


@dataclass(frozen=True, slots=True)
class Issued:
    """A key and what was signed for it, PEM, its issuers behind it up to below the root."""

    key: str
    chain: str

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write chain and key, for ssl.SSLContext.load_cert_chain."""
        chain, key = folder / f"{name}.chain.pem", folder / f"{name}.key.pem"
        chain.write_text(self.chain)
        key.write_text(self.key)
        return chain, key


class Authority:
    """A certificate authority.

    Args:
        name: its common name.
        kind: of its key: ec (P-256) or rsa (2048 bit).
        issuer: who signed it; None = it is a root.
        life: how long it is valid.
    """

    def __init__(
        self, name: str, *, kind: str = "ec", issuer: "Authority | None" = None, life: Life = FULL_LIFE
    ) -> None:
        self._key = _make_key(kind)
        self._kind = kind
        self._issuer = issuer
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = issuer or self
        builder = _builder(self._name, signer._name, self._key.public_key(), life).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        self._certificate = builder.add_extension(usage, critical=True).sign(signer._key, SHA256())

    @property
    def pem(self) -> str:
        """Give its own certificate."""
        return self._certificate.public_bytes(Encoding.PEM).decode("ascii")

    def server(self, *hosts: str, life: Life = FULL_LIFE) -> Issued:
        """Make a certificate of a server with these names or addresses."""
        names: list[x509.GeneralName] = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        return self._issue(
            hosts[0], life, x509.SubjectAlternativeName(names), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        )

    def charge_point(self, name: str, life: Life = FULL_LIFE) -> Issued:
        """Make key and certificate of a charge point, as a factory would."""
        return self._issue(name, life, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))

    def sign(self, request: str, *, life: Life = FULL_LIFE, common_name: str = "") -> str:
        """Sign a request (PEM) and give the chain.

        Args:
            request: as SignCertificate carries it.
            life: how long it is valid.
            common_name: another one than asked for; empty = as asked.
        """
        asked = x509.load_pem_x509_csr(request.encode())
        if not asked.is_signature_valid:
            raise ValueError("the signature of the request is wrong")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]) if common_name else asked.subject
        key = asked.public_key()
        assert isinstance(key, PublicKey)  # noqa: S101  our stations make no other
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return self._chain(self._certify(subject, key, life, usage))

    def _issue(self, name: str, life: Life, *extensions: x509.ExtensionType) -> Issued:
        key = _make_key(self._kind)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
        return Issued(pem, self._chain(self._certify(subject, key.public_key(), life, *extensions)))

    def _certify(
        self, subject: x509.Name, key: PublicKey, life: Life, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        builder = _builder(subject, self._name, key, life).add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, SHA256())

    def _chain(self, certificate: x509.Certificate) -> str:
        pem, authority = certificate.public_bytes(Encoding.PEM).decode("ascii"), self
        while authority._issuer:
            pem, authority = pem + authority.pem, authority._issuer
        return pem


def _make_key(kind: str) -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)


def _builder(subject: x509.Name, issuer: x509.Name, key: PublicKey, life: Life) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=life.begin,
        not_valid_after=life.end,
    )
