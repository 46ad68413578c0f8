"""The PC side."""
