"""Baselines: which model a meter's days bear, its fit, and the frozen document."""
