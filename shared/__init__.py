"""What station and backend share: identifiers, quantities, transaction events, the OCPP session, configuration, logs."""
