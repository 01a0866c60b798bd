# The image of every part of gromit: the stage `server` (the last one) runs on AWS, the stage `local` is the local cloud.
# All downloads happen at build time, and each is compared with a hash from this file or from requirements/.
#
# Only the base image is pinned by a tag, because its digest depends on the registry. The release workflow finds the digest and
# passes it. Do the same if you build for production: --build-arg PYTHON=3.13-slim@sha256:…
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS wheel
WORKDIR /src
COPY requirements/build.txt requirements/build.txt
RUN pip install --quiet --no-cache-dir --require-hashes --only-binary=:all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m hatchling build -t wheel -d /dist

FROM python:${PYTHON} AS server-packages
COPY requirements/run.txt /requirements/run.txt
RUN python -m venv --without-pip /opt/gromit \
 && pip --python /opt/gromit/bin/python install --quiet --no-cache-dir --require-hashes --only-binary=:all: -r /requirements/run.txt
COPY --from=wheel /dist /dist
RUN pip --python /opt/gromit/bin/python install --quiet --no-cache-dir --no-index --no-deps /dist/*.whl \
 && pip --python /opt/gromit/bin/python check

FROM python:${PYTHON} AS local-packages
COPY requirements/local.txt /requirements/local.txt
RUN python -m venv --without-pip /opt/gromit \
 && pip --python /opt/gromit/bin/python install --quiet --no-cache-dir --require-hashes --only-binary=:all: -r /requirements/local.txt
COPY --from=wheel /dist /dist
RUN pip --python /opt/gromit/bin/python install --quiet --no-cache-dir --no-index --no-deps /dist/*.whl \
 && pip --python /opt/gromit/bin/python check

# Terraform (BUSL-1.1) and provider (MPL-2.0) that the tests apply with. docs/how-to/build-the-image.md shows how to use others.
FROM python:${PYTHON} AS terraform
ARG TERRAFORM_NAME=terraform
ARG TERRAFORM_URL=https://releases.hashicorp.com/terraform/1.11.4/terraform_1.11.4_linux_amd64.zip
ARG TERRAFORM_HASH=zh:1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc
ARG PROVIDER_VERSION=5.100.0
ARG PROVIDER_URL=https://releases.hashicorp.com/terraform-provider-aws/5.100.0/terraform-provider-aws_5.100.0_linux_amd64.zip
ARG PROVIDER_HASH=h1:edXOJWE4ORX8Fm+dpVpICzMZJat4AX0VRCAy/xkcOc0=
COPY image/bake.py /build/bake.py
RUN python /build/bake.py program "$TERRAFORM_URL" "$TERRAFORM_HASH" --name "$TERRAFORM_NAME" --to /opt/terraform/bin
# A layer of its own, so that a new provider does not download terraform again.
# hadolint ignore=DL3059
RUN python /build/bake.py provider "$PROVIDER_URL" "$PROVIDER_HASH" --version "$PROVIDER_VERSION" --to /opt/terraform/mirror

# Base of both images. The access point of the certificates expects the user's ids.
# The parts write only to /tmp, so the root file system can be read-only. /tmp is a volume here because an ECS volume takes
# its owner and mode from the image; otherwise it would belong to root.
FROM python:${PYTHON} AS ground
RUN groupadd --gid 1000 gromit \
 && useradd --uid 1000 --gid 1000 --create-home --shell /usr/sbin/nologin gromit
ENV PATH=/opt/gromit/bin:/opt/terraform/bin:$PATH
VOLUME ["/tmp"]
ENTRYPOINT ["gromit"]
CMD ["--help"]

FROM ground AS local
COPY --from=local-packages /opt/gromit /opt/gromit
RUN install --directory --owner 1000 --group 1000 /state
ENV XDG_CACHE_HOME=/state/cache
WORKDIR /state
USER 1000:1000
HEALTHCHECK --interval=15s --timeout=10s --start-period=120s CMD ["gromit", "local", "status", "--dir", "/state/cloud"]
CMD ["local", "up", "--dir", "/state/cloud"]

FROM ground AS server
COPY --from=terraform /opt/terraform /opt/terraform
COPY --from=server-packages /opt/gromit /opt/gromit
COPY image/healthy.py image/self_check.py /opt/gromit/
ENV GROMIT_TERRAFORM_MIRROR=/opt/terraform/mirror
USER 1000:1000
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s CMD ["python", "/opt/gromit/healthy.py"]
