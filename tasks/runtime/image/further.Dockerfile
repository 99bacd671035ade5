# What `create_env` adds to the image of tasks: one layer with further packages.
ARG RUNTIME_IMAGE
FROM ${RUNTIME_IMAGE}
ARG TORCH
ARG UV
USER 0:0
RUN --mount=type=bind,source=installer,target=/installer --mount=type=cache,sharing=locked,target=/var/cache/trainyard \
    sh /installer/install.sh further
USER 10001:10001
