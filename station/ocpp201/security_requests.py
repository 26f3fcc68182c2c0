"""What the central system may ask about certificates in OCPP 2.0.1 (part 2, A02 and M03 to M05)."""

from collections.abc import Mapping

from shared.ocpp.session import Payload
from station.csms_requests import Handler
from station.ocpp201.fields import answer
from station.operations import Operations
from station.security.files import RootUse

_USES = {
    "CSMSRootCertificate": RootUse.CENTRAL_SYSTEM,
    "ManufacturerRootCertificate": RootUse.MANUFACTURER,
}
_WORDS = {use: word for word, use in _USES.items()}


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    requests = _Requests(operations)
    return {
        "CertificateSigned": requests.certificate_signed,
        "DeleteCertificate": requests.delete_certificate,
        "GetInstalledCertificateIds": requests.get_installed_certificate_ids,
        "InstallCertificate": requests.install_certificate,
    }


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._security = operations.security

    async def certificate_signed(self, payload: Payload) -> Payload:
        if payload.get("certificateType") == "V2GCertificate":
            return answer("Rejected", "the station has no certificate for vehicles")
        return answer(await self._security.take_signed(str(payload["certificateChain"])))

    async def install_certificate(self, payload: Payload) -> Payload:
        use = _USES.get(str(payload["certificateType"]))
        if use is None:
            return answer("Rejected", "the station has no use for certificates of this type")
        return answer(await self._security.install_root(use, str(payload["certificate"])))

    async def delete_certificate(self, payload: Payload) -> Payload:
        from station.security.certificates import HashData

        told = payload["certificateHashData"]
        assert isinstance(told, Mapping)  # noqa: S101  the schema says so
        named = HashData(
            told["hashAlgorithm"],
            told["issuerNameHash"].lower(),
            told["issuerKeyHash"].lower(),
            told["serialNumber"].lower().lstrip("0"),
        )
        return answer(await self._security.delete_certificate(named))

    async def get_installed_certificate_ids(self, payload: Payload) -> Payload:
        asked = payload.get("certificateType")
        wanted = asked if isinstance(asked, list) and asked else list(_USES)
        found = self._security.installed([_USES[word] for word in wanted if word in _USES])
        if not found:
            return answer("NotFound")
        rows = [
            {
                "certificateType": _WORDS[use],
                "certificateHashData": {
                    "hashAlgorithm": named.algorithm,
                    "issuerNameHash": named.issuer_name,
                    "issuerKeyHash": named.issuer_key,
                    "serialNumber": named.serial,
                },
            }
            for use, named in found
        ]
        return {"status": "Accepted", "certificateHashDataChain": rows}
