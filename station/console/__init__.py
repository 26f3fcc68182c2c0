"""The service console: a menu for technicians on a serial port or over SSH, in a process beside the agent."""
