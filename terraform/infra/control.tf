# What all parts of the control plane have in common. The ground they stand on comes from `local.ground` alone.
locals {
  # Each module takes from it what it needs.
  place = {
    account_id      = local.ground.account_id
    region          = local.ground.region
    vpc_id          = local.ground.vpc_id
    vpc_cidr        = local.ground.vpc_cidr
    public_subnets  = local.ground.public_subnets
    private_subnets = local.ground.private_subnets
    cluster         = local.ground.cluster_arn
    security_groups = [local.ground.mounts_security_group_id]
    zone_id         = local.ground.zone_id
    domain          = local.ground.domain
    tags            = local.ground.tags
  }

  # Registries of ours that the image comes from: exactly the one that it names, whoever has made it; none, if it comes from elsewhere.
  image_names        = flatten(regexall("^${replace(local.ground.registry, ".", "\\.")}/([^:@]+)", var.image))
  image_repositories = [for name in local.image_names : "arn:aws:ecr:${local.here}:repository/${name}"]

  volumes = {
    config = { file_system_id = local.ground.config_file_system_id, access_point_id = local.ground.config_access_point_id }
    certs  = { file_system_id = local.ground.certs_file_system_id, access_point_id = local.ground.certs_access_point_id }
  }

  mounted = {
    # Each part sees its own folder of the volume `certs` as /certs, and no other: its keys, the CA's certificate, the deny list; the
    # gateway's tokens lie there, too. pki alone has all of it.
    certs = {
      for part, point in local.ground.certs_part_access_points :
      part => { "/certs" = merge(local.volumes.certs, { access_point_id = point }) }
    }

    config      = { "/config" = local.volumes.config }
    config_kept = { "/config" = merge(local.volumes.config, { writable = true }) }
    certs_kept  = { "/certs" = merge(local.volumes.certs, { writable = true }) }
  }

  # How every client of serve finds it, and knows it.
  settings = merge({
    GROMIT_SERVE_URL = "https://serve.internal:8443"
    GROMIT_CA        = "/certs/ca.pem"
    GROMIT_TABLENAME = local.ground.table_name
  }, var.settings)

  worker_settings = merge({
    GROMIT_CLIENT_CERT            = "/certs/worker.pem"
    GROMIT_CLIENT_KEY             = "/certs/worker-key.pem"
    GROMIT_CLUSTER_ZONEID         = local.ground.zone_id
    GROMIT_CLUSTER_DOMAIN         = local.ground.domain
    GROMIT_STATE_BUCKET           = local.ground.state_bucket
    GROMIT_TERRAFORM_STOP_TIMEOUT = "2m"

    # Measured: up to 610 MiB a terraform, here 640, and 256 for gromit itself.
    GROMIT_SOW_PARALLEL = tostring(floor((var.worker_size.memory - 256) / 640))
  }, local.settings)
}
