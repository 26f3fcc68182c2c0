"""The station's security: profiles, certificates and their rotation, security events."""
