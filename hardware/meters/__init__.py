"""Energy meters: what their registers mean is data, one table per family; reading them is one driver."""
