"""What runs beside the web: pulls, look-ups, the scheduler, the listener. They meet the web only in Redis and SQL."""
