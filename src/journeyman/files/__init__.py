"""Pictures and files: stored beside the journal, named in messages, and sent to models."""
