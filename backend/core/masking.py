"""What of personal data may stand in lists and logs. Pure."""


def mask_iban(iban: str) -> str:
    """Give country, check digits and the last four characters of an IBAN: `DE02 **** 2051`; of less `****`."""
    bare = "".join(iban.split())
    if not bare:
        return ""
    return f"{bare[:4]} **** {bare[-4:]}" if len(bare) > 12 else "****"
