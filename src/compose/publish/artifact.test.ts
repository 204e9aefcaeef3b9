import { expect, test } from "bun:test";
import { composeArtifact } from "./artifact.ts";

const bytes = new TextEncoder().encode("services: {}\n");
const options = { version: "1", now: new Date("2026-01-02T03:04:05.678Z") };

test("composeArtifact() describes each file by docker compose's types", () => {
  const { blobs, manifest } = composeArtifact(
    [
      { kind: "compose", name: "compose.yaml", bytes },
      { kind: "environment", name: "a.env", bytes },
    ],
    { ...options, ociVersion: "1.1" },
  );
  expect(blobs).toHaveLength(2);
  const read = JSON.parse(new TextDecoder().decode(manifest.bytes)) as Record<string, unknown>;
  expect(read).toMatchObject({
    artifactType: "application/vnd.docker.compose.project",
    config: { mediaType: "application/vnd.oci.empty.v1+json", size: 2 },
    layers: [
      {
        mediaType: "application/vnd.docker.compose.file+yaml",
        size: 13,
        annotations: { "com.docker.compose.file": "compose.yaml" },
      },
      { annotations: { "com.docker.compose.envfile": "a.env" } },
    ],
    annotations: { "org.opencontainers.image.created": "2026-01-02T03:04:05Z" },
  });
});

test("composeArtifact() tells an artifact of OCI 1.0 by its configuration", () => {
  const { manifest } = composeArtifact([], { ...options, ociVersion: "1.0" });
  const read = JSON.parse(new TextDecoder().decode(manifest.bytes)) as Record<string, unknown>;
  expect(read["artifactType"]).toBeUndefined();
  expect(read["config"]).toMatchObject({
    mediaType: "application/vnd.docker.compose.config.empty.v1+json",
  });
});
