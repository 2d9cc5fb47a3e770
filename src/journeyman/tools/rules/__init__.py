"""What the static check of tools knows: its rules, and the calls they are about."""
