"""What an operator can do, as functions that commands, API and pages share."""
