"""Load management of sites: limits, sharing, dimming, and what stations are told. Pure."""
