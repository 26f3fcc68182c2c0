"""OCPP 1.6 as the station speaks it. Imported only where the setting csms.version chooses it."""
