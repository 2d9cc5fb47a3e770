"""Events, and the state that they fold into. Pure: no I/O, no clock, no asyncio."""
