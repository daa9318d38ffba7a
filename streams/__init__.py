"""The steps, the pipeline stated once, and one engine under its two runners."""
