"""Simulated hardware and peers, on real interfaces: ptys, TCP, SMTP. Used by the demonstration and the tests."""
