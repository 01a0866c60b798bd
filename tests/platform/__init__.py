"""The roots in `terraform/`: applied to an emulated AWS with a real terraform and a real provider, and looked at afterwards."""
