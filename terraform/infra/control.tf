# Values that all parts of the control plane share. They come from `local.platform` and from variables only.
locals {
  # Each module declares the attributes that it uses.
  place = {
    account_id      = local.platform.account_id
    region          = local.platform.region
    vpc_id          = local.platform.vpc_id
    public_subnets  = local.platform.public_subnets
    private_subnets = local.platform.control_subnets
    boundary        = local.platform.boundary
    cluster         = local.platform.cluster_arn
    security_groups = [local.platform.mounts_security_group_id]
    zone_id         = local.platform.zone_id
    domain          = local.platform.domain
    tags            = local.platform.tags
  }

  # The account's own registry that the image names, also if another stack created it; none if the image comes from elsewhere.
  image_names        = flatten(regexall("^${replace(local.platform.registry, ".", "\\.")}/([^:@]+)", var.image))
  image_repositories = [for name in local.image_names : "arn:aws:ecr:${local.here}:repository/${name}"]

  volumes = {
    config = { file_system_id = local.platform.config_file_system_id, access_point_id = local.platform.config_access_point_id }
    certs  = { file_system_id = local.platform.certs_file_system_id, access_point_id = local.platform.certs_access_point_id }
  }

  mounted = {
    # Each part sees only its own folder of the volume `certs`, as /certs: its keys, the CA's certificate and the deny list, and in the
    # gateway's folder the token file. Only pki sees the whole volume.
    certs = {
      for part, point in local.platform.certs_part_access_points :
      part => { "/certs" = merge(local.volumes.certs, { access_point_id = point }) }
    }

    config      = { "/config" = local.volumes.config }
    config_kept = { "/config" = merge(local.volumes.config, { writable = true }) }
    certs_kept  = { "/certs" = merge(local.volumes.certs, { writable = true }) }
  }

  # The name in the parameter /gromit/platform, with which workers compare it.
  named = local.platform.installation == "" ? {} : { GROMIT_INSTALLATION = local.platform.installation }

  # Address of serve and its CA, for every client.
  settings = merge({
    GROMIT_SERVE_URL = "https://serve.internal:8443"
    GROMIT_CA        = "/certs/ca.pem"
    GROMIT_TABLENAME = local.platform.table_name
  }, local.named, var.settings)

  worker_settings = merge({
    GROMIT_CLIENT_CERT            = "/certs/worker.pem"
    GROMIT_CLIENT_KEY             = "/certs/worker-key.pem"
    GROMIT_CLUSTER_ZONEID         = local.platform.zone_id
    GROMIT_CLUSTER_DOMAIN         = local.platform.domain
    GROMIT_STATE_BUCKET           = local.platform.state_bucket
    GROMIT_TERRAFORM_STOP_TIMEOUT = "2m"

    # 640 MiB for each terraform, which took up to 610 when measured, and 256 for gromit itself.
    GROMIT_SOW_PARALLEL = tostring(floor((var.worker_size.memory - 256) / 640))

    # Processes that share AWS's rates of calls: the tasks of sow, reap, chitragupta, and terraform as one.
    GROMIT_AWS_PROCESSES = tostring(var.sow_tasks + 3)
  }, local.settings)
}
