"""The image and the pipeline: linted, and their steps run outside a container."""
