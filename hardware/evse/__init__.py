"""EVSE controller boards, one module per board."""
