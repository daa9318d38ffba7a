"""The steps, the pipeline said once, and its two runners."""
