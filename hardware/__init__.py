"""Drivers: meters, EVSE controller boards, modems and card readers behind the Protocols of `hardware.api`."""
