"""What trained networks say of a picture of one's own. Not for clinical use."""
