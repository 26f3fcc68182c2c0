"""The station agent: a charge point that loses nothing in weak coverage."""
