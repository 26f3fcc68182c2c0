"""OCPP: the message exchange as a pure session, validation against the schemas, translation per version."""
