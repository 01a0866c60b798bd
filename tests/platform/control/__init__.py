"""The control plane of `terraform/infra`, applied: who may do what, what runs when, which lines of the log raise an alarm."""
