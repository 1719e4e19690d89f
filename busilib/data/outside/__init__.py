"""Breast ultrasound of other hospitals, for testing only: three public sets in the layouts they come in."""
