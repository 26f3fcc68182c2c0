"""GSM modems over AT commands.

`at_parser`, `at_session` and `readings` are pure, `profiles` is data; `at_link` is the shell around them; `finding`,
`sim_pin` and `at_socket` use it; `at_modem` fulfils hardware.api.Modem.
"""
