"""Tools that come with Journeyman."""
