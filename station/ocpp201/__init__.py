"""OCPP 2.0.1 as the station speaks it. Imported only where the setting csms.version chooses it."""
