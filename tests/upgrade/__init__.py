"""What a user of an earlier release has, and what goes on over an upgrade."""
