"""What bench/farm.py needs besides the portal's own workers: the servers that they ask, and notes of who asked when."""
