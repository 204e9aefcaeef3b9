import { describe, expect, test } from "bun:test";
import { stringifyJsonHtml } from "#base/json.ts";
import { digestOf } from "./digest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  isIndexType,
  layerCompression,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "./media-types.ts";
import {
  EMPTY_EXECUTION_CONFIG,
  executionConfigToWire,
  imageConfigToWire,
  indexToWire,
  isImageManifest,
  manifestToWire,
  parseImageConfig,
  parseIndex,
  parseManifest,
} from "./oci-image.ts";

const digest = digestOf("x");
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const config = { mediaType: DOCKER_CONFIG, digest, size: 3 };
const layer = { mediaType: DOCKER_LAYER_GZIP, digest, size: 5 };
const manifest = { schemaVersion: 2, mediaType: DOCKER_MANIFEST, config, layers: [layer] };

describe("parseManifest()", () => {
  test("reads Docker's and OCI's, and writes the same document again", () => {
    const parsed = parseManifest(bytes(manifest), DOCKER_MANIFEST);
    expect(parsed.layers[0]).toEqual({ mediaType: DOCKER_LAYER_GZIP, digest, sizeBytes: 5 });
    expect(isImageManifest(parsed)).toBe(true);
    expect(manifestToWire(parsed)).toEqual(manifest);
    const oci = parseManifest(
      bytes({ ...manifest, mediaType: undefined, annotations: { a: "b" } }),
      OCI_MANIFEST,
    );
    expect(oci.mediaType).toBe(OCI_MANIFEST);
    expect(oci.annotations).toEqual({ a: "b" });
    const artifact = { ...manifest, config: { ...config, mediaType: "application/x" } };
    expect(isImageManifest(parseManifest(bytes(artifact), DOCKER_MANIFEST))).toBe(false);
  });

  test("refuses what is ambiguous, wrong or too large", () => {
    const cases: readonly (readonly [unknown, string])[] = [
      [{ ...manifest, manifests: [] }, 'it has "manifests" as well'],
      [{ ...manifest, schemaVersion: 1 }, "schema version 1 is no longer supported"],
      [{ ...manifest, schemaVersion: undefined }, "schema version missing, want 2"],
      [{ ...manifest, config: undefined }, '"config" is missing'],
      [
        { ...manifest, config: { ...config, digest: "sha256:../../etc" } },
        "invalid checksum digest format",
      ],
      [{ ...manifest, config: { ...config, size: -1 } }, "size -1 is negative"],
      [
        { ...manifest, layers: Array.from({ length: 2000 }, () => layer) },
        "2000 layers, the limit is 1024",
      ],
      [{ ...manifest, mediaType: OCI_MANIFEST }, "but was sent as"],
      [{ ...manifest, mediaType: OCI_INDEX }, "is not supported"],
      [{ ...manifest, layers: {} }, "json: cannot unmarshal object into Go struct field .layers"],
      [[], "cannot unmarshal array"],
    ];
    for (const [document, message] of cases) {
      expect(() => parseManifest(bytes(document), DOCKER_MANIFEST)).toThrow(message);
    }
    expect(() => parseManifest(new Uint8Array(5_000_000), OCI_MANIFEST)).toThrow("over the limit");
    expect(() => parseManifest(Uint8Array.of(0xff, 0xfe), OCI_MANIFEST)).toThrow(
      "Cannot read image manifest",
    );
    expect(() => parseManifest(Buffer.from("[".repeat(1000)), OCI_MANIFEST)).toThrow(
      "exceeded max depth",
    );
  });
});

test("parseIndex() reads platforms and writes the same document again", () => {
  const document = {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [
      {
        mediaType: OCI_MANIFEST,
        digest,
        size: 1,
        platform: { architecture: "arm", os: "linux", variant: "v7" },
      },
      {
        mediaType: OCI_MANIFEST,
        digest,
        size: 1,
        annotations: { "vnd.docker.reference.type": "attestation-manifest" },
      },
    ],
  };
  const index = parseIndex(bytes(document), OCI_INDEX);
  expect(index.manifests[0]?.platform).toEqual({ os: "linux", architecture: "arm", variant: "v7" });
  expect(indexToWire(index)).toEqual(document);
  expect(() => parseIndex(bytes({ ...document, layers: [] }), OCI_INDEX)).toThrow("ambiguous");
  expect(isIndexType(OCI_INDEX)).toBe(true);
  expect(layerCompression(OCI_LAYER_ZSTD)).toBe("zstd");
  expect(layerCompression(OCI_CONFIG)).toBeUndefined();
});

describe("parseImageConfig()", () => {
  const document = {
    architecture: "amd64",
    os: "linux",
    config: {
      User: "www",
      ExposedPorts: { "80/tcp": {} },
      Env: ["PATH=/bin"],
      Entrypoint: ["/entry"],
      Cmd: ["nginx", "-g"],
      Healthcheck: { Test: ["CMD", "x"], Interval: 5_000_000_000 },
      Volumes: { "/data": {} },
      WorkingDir: "/w",
      OnBuild: ["RUN x"],
      Labels: { a: "<b>" },
      StopSignal: "SIGQUIT",
    },
    created: "2026-01-02T03:04:05.123456789Z",
    author: "me",
    history: [
      { created: "2026-01-02T03:04:05Z", created_by: "ADD x", comment: "c" },
      { created_by: "CMD y", empty_layer: true },
    ],
    rootfs: { type: "layers", diff_ids: [digest] },
  };

  test("reads every field and writes the same document again", () => {
    const parsed = parseImageConfig(bytes(document));
    expect(parsed.config).toMatchObject({
      user: "www",
      exposedPorts: ["80/tcp"],
      volumes: ["/data"],
      stopSignal: "SIGQUIT",
    });
    expect(parsed.config.healthcheck?.intervalNanoseconds).toBe(5_000_000_000);
    expect(parsed.diffIds as readonly string[]).toEqual([digest]);
    expect(imageConfigToWire(parsed)).toEqual(document);
    expect(stringifyJsonHtml(imageConfigToWire(parsed))).toContain(
      '"Labels":{"a":"\\u003cb\\u003e"}',
    );
  });

  test("takes the least that is valid", () => {
    const least = parseImageConfig(bytes({ rootfs: { type: "layers" } }));
    expect(least.diffIds).toEqual([]);
    expect(least.config.env).toEqual([]);
  });

  test("refuses what contradicts itself", () => {
    const cases: readonly (readonly [unknown, string])[] = [
      [{}, '"rootfs" is missing'],
      [{ rootfs: { type: "x" } }, 'rootfs type "x"'],
      [{ ...document, rootfs: { diff_ids: [] } }, "history names 1 layers, rootfs 0"],
      [{ ...document, rootfs: { diff_ids: ["sha256:x"] } }, "invalid checksum digest"],
      [
        { ...document, config: { Env: "x" } },
        "cannot unmarshal string into Go struct field .config.Env of type []string",
      ],
    ];
    for (const [value, message] of cases)
      expect(() => parseImageConfig(bytes(value))).toThrow(message);
  });
});

test("a configuration is written the same, whatever order its labels, ports and volumes came in", () => {
  const written = (names: readonly string[]): string =>
    JSON.stringify(
      executionConfigToWire({
        ...EMPTY_EXECUTION_CONFIG,
        labels: Object.fromEntries(names.map((name) => [name, name])),
        exposedPorts: names.map((name) => `${name}/tcp`),
        volumes: names.map((name) => `/${name}`),
      }),
    );
  expect(written(["b", "a", "c"])).toBe(written(["c", "b", "a"]));
});
