"""Breast ultrasound of other hospitals, for testing only: three public sets, and anybody's own."""
