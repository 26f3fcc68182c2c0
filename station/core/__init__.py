"""Pure cores of the station: events in, actions out, time as an argument."""
