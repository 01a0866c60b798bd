"""HTTP clients of serve and of Terraform Cloud."""
