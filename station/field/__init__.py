"""What a technician does on site: find and check the meter, test, commission, carry data away."""
