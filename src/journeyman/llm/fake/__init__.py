"""Fake models: scripted and recorded model clients, and an OpenAI-compatible server in front of them."""
