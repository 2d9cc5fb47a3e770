"""The tests of Journeyman. Import test helpers as `tests.harness.…`."""
