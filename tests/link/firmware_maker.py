"""A maker of firmware for tests: its root, its signer, what it signs; and an installer that needs no minutes."""

import asyncio
import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from simulators.authority import FULL_LIFE, Authority, Life
from station.errors import FieldError
from station.field.slots import Slots


class Maker:
    """Signs images with a certificate that its root issued."""

    def __init__(self, kind: str = "ec", life: Life = FULL_LIFE) -> None:
        self.root = Authority("Maker Root", kind=kind)
        self.signer = self.root.charge_point("Firmware Signer", life)

    def sign(self, image: bytes) -> str:
        """Sign an image, base64: ECDSA, or RSA-PSS."""
        key = load_pem_private_key(self.signer.key.encode(), None)
        if isinstance(key, rsa.RSAPrivateKey):
            signature = key.sign(image, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
        else:
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            signature = key.sign(image, ec.ECDSA(SHA256()))
        return base64.b64encode(signature).decode("ascii")


def image_of(version: str, size: int = 100_000) -> bytes:
    """Make an image for `QuickSlots`."""
    return f"{version}\n".encode().ljust(size, b"\x5a")


class QuickSlots(Slots):
    """Installs by noting the version; link, way back and trial are the real ones."""

    async def install(self, image: Path, signature: bytes | None) -> tuple[str, str]:
        version, _, _ = (await asyncio.to_thread(image.read_bytes)).partition(b"\n")
        if signature == b"bad" or version == b"broken":
            raise FieldError("the new version failed: it is broken")
        slot = "b" if self.current() == "a" else "a"
        program = self._root / slot / "bin/emops-station"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_bytes(version)
        return version.decode(), slot
