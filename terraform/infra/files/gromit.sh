#!/bin/bash
# The command gromit on the bastion: the image that the control plane runs now, with both volumes and the certificate of an operator.
set -euo pipefail
[ "$(id -u)" = 0 ] || exec sudo -- "$0" "$@"

settings="${GROMIT_SETTINGS:-/etc/gromit.env}"
setting() { sed -n "s/^$1=//p" "$settings"; }

# Docker would put an empty folder in the place of a volume that is not mounted.
for volume in /config /certs; do
  mountpoint --quiet "$volume" || { echo "gromit: the volume $volume is not mounted: see /var/log/cloud-init-output.log" >&2; exit 78; }
done

image="$(aws ssm get-parameter --region "$(setting AWS_REGION)" --name "$(setting GROMIT_IMAGE_PARAMETER)" --query Parameter.Value --output text)"
terminal=()
if [ -t 0 ]; then terminal=(--tty); fi
exec docker run --rm --interactive "${terminal[@]}" --network host --env-file "$settings" \
  --volume /config:/config --volume /certs:/certs --read-only --tmpfs /tmp "$image" "$@"
