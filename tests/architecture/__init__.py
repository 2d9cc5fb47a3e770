"""Rules that the source tree, the packaging and the tests themselves obey."""
