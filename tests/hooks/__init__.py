"""What lies in `hooks`: run as it lies there."""
