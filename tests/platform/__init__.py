"""The roots in `terraform/`: applied to an emulated AWS by a real terraform, and looked at."""  # noqa: A005 - never imported bare
