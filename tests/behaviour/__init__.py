"""What users see: whole applications, in this process or as a server."""
