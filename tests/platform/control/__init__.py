"""The applied control plane of `terraform/infra`: its permissions, schedules and alarms."""
