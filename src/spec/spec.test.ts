import { describe, expect, test } from "bun:test";
import {
  chainIdOf,
  chainIdsOf,
  digestAlgorithm,
  Digester,
  digestHex,
  digestOf,
  parseDiffId,
  parseDigest,
} from "./digest.ts";
import {
  newContainerId,
  newVolumeName,
  parseContainerId,
  parseContainerName,
  parseExecId,
  parseNetworkId,
  parseVolumeName,
  shortId,
} from "./ids.ts";
import {
  formatPlatform,
  hostPlatform,
  parsePlatform,
  runnablePlatforms,
  selectPlatform,
} from "./platform.ts";
import {
  familiarName,
  familiarReference,
  formatImageReference,
  parseImageName,
  parseImageReference,
  parseTag,
  repositoryName,
  tryParseImageReference,
  withDefaultTag,
  withTag,
} from "./reference.ts";
import { opaqueMarkerPath, parseWhiteout, whiteoutPath } from "./whiteout.ts";

const HEX = "0123456789abcdef".repeat(4);

describe("IDs", () => {
  test("are 64 hex digits and never short decimals", () => {
    let call = 0;
    const id = newContainerId((count) => new Uint8Array(count).fill(call++ === 0 ? 0x11 : 0xab));
    expect(id as string).toBe("ab".repeat(32));
    expect(call).toBe(2);
    expect(newVolumeName((count) => new Uint8Array(count).fill(0xcd)) as string).toHaveLength(64);
    expect(shortId(id)).toBe("abababababab");
    expect(shortId(`sha256:${HEX}`)).toBe("0123456789ab");
  });

  test("are refused with what is wanted", () => {
    for (const text of [
      "",
      "abc",
      HEX.toUpperCase(),
      `${HEX}0`,
      `${HEX.slice(1)}\n`,
      `../${HEX.slice(3)}`,
    ]) {
      expect(() => parseContainerId(text)).toThrow("want 64 hex digits");
      expect(() => parseExecId(text)).toThrow("Cannot parse exec ID");
      expect(() => parseNetworkId(text)).toThrow("Cannot parse network ID");
    }
    expect(parseContainerId(HEX) as string).toBe(HEX);
  });

  test("names follow Docker's rule", () => {
    expect(parseContainerName("/web-1.a_b") as string).toBe("web-1.a_b");
    for (const text of ["", "a", "-a", "a b", "a/b", "é1", "../x", "a\n", "a\0"]) {
      expect(() => parseContainerName(text)).toThrow(
        `Invalid container name (${text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
      );
    }
    expect(() => parseVolumeName("a")).toThrow(
      "create a: volume name is too short, names should be at least two",
    );
    expect(() => parseVolumeName("x y")).toThrow(
      'create x y: "x y" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    );
    expect(() => parseVolumeName("v".repeat(300))).toThrow("longer than 255");
  });
});

describe("digests", () => {
  test("are refused with go-digest's words", () => {
    const cases: Readonly<Record<string, string>> = {
      "": "invalid checksum digest format",
      sha256: "invalid checksum digest format",
      [`:${HEX}`]: "invalid checksum digest format",
      [`sha256:${HEX.toUpperCase()}`]: "invalid checksum digest format",
      "sha256:abc": "invalid checksum digest length",
      [`md5:${HEX}`]: "unsupported digest algorithm",
      [`sha256:${HEX}/../..`]: "invalid checksum digest format",
      [`sha512:${HEX}`]: "invalid checksum digest length",
    };
    for (const [text, message] of Object.entries(cases))
      expect(() => parseDigest(text)).toThrow(message);
  });

  test("of bytes, whole and in chunks", () => {
    const digest = digestOf("");
    expect(digest as string).toBe(
      "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    const digester = new Digester("sha512");
    digester.update(Buffer.from("a"));
    digester.update(Buffer.from("b"));
    expect(digester.finish()).toBe(digestOf("ab", "sha512"));
    expect(digestAlgorithm(digestOf("", "sha512"))).toBe("sha512");
    expect(digestHex(digest)).toHaveLength(64);
  });

  test("chainIdOf() chains from the lowest layer up", () => {
    const [a, b, c] = ["a", "b", "c"].map((text) => parseDiffId(digestOf(text)));
    if (!a || !b || !c) throw new Error("three layers");
    expect(chainIdOf([])).toBeUndefined();
    expect(chainIdOf([a]) as string).toBe(a);
    const ab = digestOf(`${a} ${b}`);
    expect(chainIdOf([a, b]) as string).toBe(ab);
    expect(chainIdsOf([a, b, c]).map(String)).toEqual([a, ab, digestOf(`${ab} ${c}`)]);
  });
});

describe("image references", () => {
  test("are brought to normal form and back", () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ["nginx", "docker.io/library/nginx", "nginx"],
      ["nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"],
      ["user/app", "docker.io/user/app", "user/app"],
      ["docker.io/nginx", "docker.io/library/nginx", "nginx"],
      ["index.docker.io/library/nginx", "docker.io/library/nginx", "nginx"],
      ["docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"],
      ["localhost/a", "localhost/a", "localhost/a"],
      ["localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000/a/b:t"],
      ["[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"],
      ["quay.io/a__b/c--d.e_f", "quay.io/a__b/c--d.e_f", "quay.io/a__b/c--d.e_f"],
      ["Host/a", "Host/a", "Host/a"],
      [`a@sha256:${HEX}`, `docker.io/library/a@sha256:${HEX}`, `a@sha256:${HEX}`],
      [`a:t@sha256:${HEX}`, `docker.io/library/a:t@sha256:${HEX}`, `a:t@sha256:${HEX}`],
      ["localhost", "docker.io/library/localhost", "localhost"],
    ];
    for (const [text, full, familiar] of cases) {
      const reference = parseImageReference(text);
      expect(formatImageReference(reference)).toBe(full);
      expect(familiarReference(reference)).toBe(familiar);
      expect(parseImageReference(formatImageReference(reference))).toEqual(reference);
    }
  });

  test("are refused with Docker's words", () => {
    const cases: Readonly<Record<string, string>> = {
      "": "invalid reference format",
      ":a": "invalid reference format",
      "a:": "invalid reference format",
      "a b": "invalid reference format",
      "a//b": "invalid reference format",
      "-a": "invalid reference format",
      "a/": "invalid reference format",
      "../a": "invalid reference format",
      "https://x/y": "invalid reference format",
      "a@sha256:abc": "invalid reference format",
      "a:..": "invalid reference format",
      a___b: "invalid reference format",
      "a\n": "invalid reference format",
      Nginx: "invalid reference format: repository name (library/Nginx) must be lowercase",
      "a/B": "invalid reference format: repository name (a/B) must be lowercase",
      [HEX]: `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`,
      [`a@md5:${"0".repeat(32)}`]: "unsupported digest algorithm",
      [`a@sha256:${"0".repeat(32)}`]: "invalid checksum digest length",
      [`h.io/${"a/".repeat(130)}b`]: "repository name must not be more than 255 characters",
    };
    for (const [text, message] of Object.entries(cases)) {
      expect(tryParseImageReference(text)).toEqual({ ok: false, reason: message });
    }
  });

  test("stay fast on hostile input", () => {
    for (const text of [
      "a.".repeat(100_000),
      "a".repeat(2047),
      "a-".repeat(1000),
      "a__".repeat(600),
      `${"a/".repeat(1000)}!`,
    ]) {
      tryParseImageReference(text);
    }
  });

  test("parseImageName() tells IDs from references", () => {
    expect(parseImageName(HEX)).toEqual({ kind: "id", digest: parseDigest(`sha256:${HEX}`) });
    expect(parseImageName(`sha256:${HEX}`).kind).toBe("id");
    expect(parseImageName("abcdef").kind).toBe("reference");
  });

  test("tags can be put on", () => {
    const reference = parseImageReference("nginx");
    expect(withDefaultTag(reference).tag).toBe("latest");
    expect(withDefaultTag(parseImageReference(`a@sha256:${HEX}`)).tag).toBeUndefined();
    expect(familiarReference(withTag(reference, "v1"))).toBe("nginx:v1");
    expect(repositoryName(reference)).toBe("docker.io/library/nginx");
    expect(familiarName(reference)).toBe("nginx");
    for (const tag of ["", ".a", "a/b", "x".repeat(129)])
      expect(() => parseTag(tag)).toThrow("invalid tag format");
  });
});

describe("platforms", () => {
  const host = hostPlatform("Linux", "x86_64");

  test("are normalised", () => {
    const cases: Readonly<Record<string, string>> = {
      linux: "linux/amd64",
      arm64: "linux/arm64",
      aarch64: "linux/arm64",
      "linux/arm64/v8": "linux/arm64",
      "linux/arm": "linux/arm/v7",
      armhf: "linux/arm/v7",
      armel: "linux/arm/v6",
      "linux/arm/6": "linux/arm/v6",
      "Linux/x86_64": "linux/amd64",
      "linux/amd64/v1": "linux/amd64",
      "linux/amd64/v3": "linux/amd64/v3",
      i386: "linux/386",
      "macos/aarch64": "darwin/arm64",
      windows: "windows/amd64",
      "linux/riscv64": "linux/riscv64",
    };
    for (const [text, formatted] of Object.entries(cases))
      expect(formatPlatform(parsePlatform(text, host))).toBe(formatted);
    expect(formatPlatform(hostPlatform("Linux", "armv7l"))).toBe("linux/arm/v7");
    expect(formatPlatform(hostPlatform("Linux", "i686"))).toBe("linux/386");
  });

  test("are refused with containerd's words", () => {
    expect(() => parsePlatform("x/y/z/w", host)).toThrow(
      '"x/y/z/w": cannot parse platform specifier: invalid argument',
    );
    expect(() => parsePlatform("foo", host)).toThrow(
      '"foo": unknown operating system or architecture: invalid argument',
    );
    expect(() => parsePlatform("linux//", host)).toThrow('"" is an invalid component of "linux//"');
    expect(() => parsePlatform("li nux/a", host)).toThrow(
      'platform specifier component must match "^[A-Za-z0-9_.-]+$"',
    );
  });

  test("selectPlatform() takes the best that runs", () => {
    const have = ["linux/386", "linux/amd64", "linux/arm/v6", "linux/arm/v7"].map((text) =>
      parsePlatform(text, host),
    );
    expect(selectPlatform(host, have)).toBe(1);
    expect(selectPlatform(parsePlatform("linux/amd64/v3", host), have)).toBe(1);
    expect(selectPlatform(parsePlatform("linux/arm64", host), have)).toBe(3);
    expect(selectPlatform(parsePlatform("linux/s390x", host), have)).toBe(-1);
    expect(runnablePlatforms(parsePlatform("linux/arm/v6", host)).map(formatPlatform)).toEqual([
      "linux/arm/v6",
      "linux/arm/v5",
    ]);
  });
});

test("whiteouts are told from files", () => {
  expect(parseWhiteout("a/b")).toBeUndefined();
  expect(parseWhiteout("a/.wh.b")).toEqual({ kind: "remove", path: "a/b" });
  expect(parseWhiteout(".wh.b")).toEqual({ kind: "remove", path: "b" });
  expect(parseWhiteout("a/.wh..wh..opq")).toEqual({ kind: "opaque", path: "a" });
  expect(parseWhiteout(".wh..wh..opq")).toEqual({ kind: "opaque", path: "" });
  for (const path of [".wh.", ".wh..", ".wh...", "a/.wh...", ".wh..wh.plnk/x", ".wh..wh.aufs"]) {
    expect(parseWhiteout(path)).toBe("ignore");
  }
  expect(parseWhiteout(whiteoutPath("a/b"))).toEqual({ kind: "remove", path: "a/b" });
  expect(parseWhiteout(opaqueMarkerPath("a"))).toEqual({ kind: "opaque", path: "a" });
});
