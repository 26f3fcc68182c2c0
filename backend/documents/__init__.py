"""Documents: the invoice on paper and in the mail, made from the frozen invoice alone."""
