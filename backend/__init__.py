"""The backend: a compact OCPP central system that keeps every session, rates it, invoices it and mails the invoice."""
