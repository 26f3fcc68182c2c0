"""The web pages: rendered here, brought up to date by server-sent events, usable without JavaScript."""
