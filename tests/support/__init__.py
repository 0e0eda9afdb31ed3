"""Real parts that tests start, and what waits for them."""
