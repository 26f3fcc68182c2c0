"""The central system: stations connect here, what they tell is stored and answered, commands go out to them."""
