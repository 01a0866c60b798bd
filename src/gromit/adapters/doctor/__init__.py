"""Facts about an installation on AWS, for the doctor."""
