"""Training: everything that makes weights; needs torch, NumPy and SciPy."""
