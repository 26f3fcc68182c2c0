"""What was paid and what is still owed: bank files, matching, direct debit, dunning, DATEV."""
