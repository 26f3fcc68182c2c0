"""What a person must decide before a session can be billed."""
