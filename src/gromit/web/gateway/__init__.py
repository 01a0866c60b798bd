"""The gateway: token in, mTLS out."""
