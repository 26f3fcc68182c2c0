"""What of personal data may stand in lists and logs. Pure."""


def mask_iban(iban: str) -> str:
    """Give country, check digits and the last four characters of an IBAN: `DE02 **** 2051`; of less `****`."""
    bare = "".join(iban.split())
    if not bare:
        return ""
    return f"{bare[:4]} **** {bare[-4:]}" if len(bare) > 12 else "****"


def mask_mail(addresses: str) -> str:
    """Give the first letter and the host of a mail address, or of several after each other: `m***@example.com`."""
    return ", ".join(_mask_one(one.strip()) for one in addresses.split(",") if one.strip())


def _mask_one(address: str) -> str:
    name, at, host = address.rpartition("@")
    return f"{name[:1]}***@{host}" if at else "***"
