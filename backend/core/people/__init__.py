"""Who may do what, and how long what is known of a person is kept."""
