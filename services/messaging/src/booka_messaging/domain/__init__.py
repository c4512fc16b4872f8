"""What messaging decides, without I/O, clock or randomness."""
