"""What runs beside the web: actors, one file a domain, and the schedule."""
