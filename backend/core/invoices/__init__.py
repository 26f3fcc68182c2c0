"""From rated sessions to documents: who is billed for what and when, kinds, numbers, e-invoice, audit."""
