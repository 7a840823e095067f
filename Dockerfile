# The image of a release: one static binary, CA certificates, a user that is not root, and
# nothing else: no shell, no package manager, no libc.
#
# It copies what has been built before, so it needs no other image and no network:
# '.ci/release/image NAME' builds it from the working tree, goreleaser from a release.
FROM scratch
ARG TARGETPLATFORM
COPY bin/release/rootfs/ /
COPY LICENSE THIRD_PARTY_LICENSES.txt /usr/share/doc/native-bridge/
COPY $TARGETPLATFORM/native-bridge /native-bridge
USER 65532:65532
EXPOSE 8080 8081
# It asks /readyz at OPS_ADDR. Kubernetes has probes of its own and does not look at this.
HEALTHCHECK --interval=10s --timeout=4s --start-period=10s CMD ["/native-bridge", "healthcheck"]
ENTRYPOINT ["/native-bridge"]
CMD ["serve"]
