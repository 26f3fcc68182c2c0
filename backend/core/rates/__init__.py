"""What a session costs by a tariff: periods, prices, rounding, the CDR and its explanation."""
