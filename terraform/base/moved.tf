# Before the module `volume` existed, this root declared the volumes itself. An account that base was applied to then keeps them.

moved {
  from = aws_efs_file_system.config
  to   = module.config.aws_efs_file_system.this
}

moved {
  from = aws_efs_access_point.config
  to   = module.config.aws_efs_access_point.whole
}

moved {
  from = aws_efs_file_system_policy.config
  to   = module.config.aws_efs_file_system_policy.this
}

moved {
  from = aws_efs_file_system.certs
  to   = module.certs.aws_efs_file_system.this
}

moved {
  from = aws_efs_access_point.certs
  to   = module.certs.aws_efs_access_point.whole
}

moved {
  from = aws_efs_access_point.part
  to   = module.certs.aws_efs_access_point.folder
}

moved {
  from = aws_efs_file_system_policy.certs
  to   = module.certs.aws_efs_file_system_policy.this
}
