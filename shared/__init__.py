"""What station and backend share: identifiers, quantities, transaction events, OCPP, configuration, logs."""
