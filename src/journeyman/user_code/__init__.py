"""user_code."""
