"""What happened, and the state it makes. Pure: no I/O, no clock, no asyncio."""
