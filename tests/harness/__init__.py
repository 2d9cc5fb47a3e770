"""Helpers of the tests, each named for its role."""
