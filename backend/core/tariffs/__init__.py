"""What a tariff is: its parts, its checks and texts, to whom it applies."""
