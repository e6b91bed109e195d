"""The modules of the original program that users import."""
