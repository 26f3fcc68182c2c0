"""What stations do and lack: faults, availability, clocks, and when somebody must be told. Pure."""
