"""Measured figures: goals, the table, the record, and what moved since."""
