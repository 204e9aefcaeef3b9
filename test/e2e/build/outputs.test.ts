// A user builds for several platforms, states where images come from and what is in them, and chooses how they are packed.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { BuildkitClient, filesMethods } from "../../harness/build/buildkit-client.ts";
import { BuiltLayout } from "../../harness/build/built-layout.ts";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { type CommandResult, mustRun } from "../../harness/command.ts";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

const BOTH = ["--platform", "linux/amd64,linux/arm64"];
const DOCKERFILE = [
  "FROM --platform=$BUILDPLATFORM busybox AS tool",
  "ARG TARGETARCH",
  "RUN echo for $TARGETARCH > /made",
  "FROM scratch",
  "COPY --from=tool /made /dir/made",
  "COPY a /a",
  'CMD ["/a"]',
].join("\n");

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  if (!hasBuildx) return;
  engine = await startEngine();
  addBuildx(engine);
});

afterAll(async () => {
  if (hasBuildx) await engine[Symbol.asyncDispose]();
});

function context(files: Readonly<Record<string, string>>): string {
  const folder = join(engine.root, `context-${next++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function build(folder: string, ...flags: readonly string[]): Promise<CommandResult> {
  const result = await engine.docker(["build", "--progress=plain", ...flags, folder]);
  expect([result.exitCode, result.exitCode === 0 ? "" : result.stderr]).toEqual([0, ""]);
  return result;
}

async function layoutOf(folder: string, ...flags: readonly string[]): Promise<BuiltLayout> {
  const [output = "", ...rest] = flags;
  const tar = join(engine.root, `layout-${next++}.tar`);
  await build(folder, "--output", `type=oci,dest=${tar}${output}`, ...rest);
  return await BuiltLayout.open(tar);
}

describe.skipIf(!hasBuildx)("several platforms in one build", () => {
  test("are one image of the engine and of a registry", async () => {
    await using registry = await DockerRegistry.start();
    const folder = context({ Dockerfile: DOCKERFILE, a: "A\n" });
    await build(folder, ...BOTH, "-t", "multi");
    const shown = await engine.api(
      "GET",
      "/images/json?manifests=1&filters=%7B%22reference%22%3A%5B%22multi%22%5D%7D",
    );
    const [image] = (await shown.json()) as { Manifests: { Available: boolean; Kind: string }[] }[];
    expect(image?.Manifests.map(({ Available, Kind }) => [Kind, Available])).toEqual([
      ["image", true],
      ["image", true],
    ]);
    const architecture = "{{.Architecture}}";
    expect(await engine.mustDocker("inspect", "-f", architecture, "multi")).toBe("amd64");
    const name = `${registry.address}/some/multi:1`;
    const pushed = await build(folder, ...BOTH, "-t", name, "--push");
    expect(pushed.stderr).toContain("exporting attestation manifest");
    const index = JSON.parse(await registry.manifest("some/multi", "1"));
    const entries = index.manifests as {
      platform: { architecture: string };
      annotations?: Record<string, string>;
    }[];
    expect(entries.map(({ platform }) => platform.architecture)).toEqual([
      "amd64",
      "arm64",
      "unknown",
      "unknown",
    ]);
    expect(entries[3]?.annotations?.["vnd.docker.reference.type"]).toBe("attestation-manifest");
    await engine.mustDocker("rmi", name);
    await engine.mustDocker("pull", "--platform", "linux/arm64", name);
    expect(await engine.mustDocker("inspect", "-f", architecture, name)).toBe("arm64");
  }, 90_000);

  test("are folders of their own as files, and of a tar", async () => {
    const folder = context({ Dockerfile: DOCKERFILE, a: "A\n" });
    const out = join(engine.root, "out-platforms");
    await build(folder, ...BOTH, "--output", out, "--provenance=true");
    expect(readdirSync(out).toSorted()).toEqual(["linux_amd64", "linux_arm64"]);
    for (const arch of ["amd64", "arm64"]) {
      const own = join(out, `linux_${arch}`);
      expect(readFileSync(join(own, "dir/made"), "utf8")).toBe(`for ${arch}\n`);
      expect(JSON.parse(readFileSync(join(own, "provenance.json"), "utf8"))).toMatchObject({
        subject: [{ name: "a" }, { name: "dir/made" }],
      });
    }
    const tar = join(engine.root, "platforms.tar");
    await build(folder, ...BOTH, "--output", `type=tar,dest=${tar}`);
    const listed = await mustRun(["tar", "-tf", tar]);
    expect(listed.stdout.split("\n").filter((name) => name.endsWith("made"))).toEqual([
      "linux_amd64/dir/made",
      "linux_arm64/dir/made",
    ]);
    const one = join(engine.root, "one-platform");
    await build(folder, "--output", `type=local,dest=${one}`);
    expect(readdirSync(one).toSorted()).toEqual(["a", "dir"]);
  }, 90_000);

  test("a command for a processor that nothing emulates is refused, with what to install", async () => {
    const folder = context({ Dockerfile: 'FROM scratch\nCOPY a /a\nRUN ["/a"]\n', a: "A\n" });
    const refused = await engine.docker([
      "build",
      "--platform",
      "linux/mips64le,linux/amd64",
      folder,
    ]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/Cannot run .* for linux\/mips64le .*qemu-user-static/);
  }, 60_000);
});

describe.skipIf(!hasBuildx)("what is stated of an image", () => {
  test("provenance tells the base, the request and each step, and no secret", async () => {
    const folder = context({
      Dockerfile: [
        "FROM busybox",
        "ARG who=nobody",
        "RUN --mount=type=secret,id=word cat /run/secrets/word > /dev/null && echo $who > /who",
        "COPY a /a",
      ].join("\n"),
      a: "A\n",
      word: "xyzzy-plugh",
    });
    const flags = ["--secret", `id=word,src=${join(folder, "word")}`, "--build-arg", "who=me"];
    const max = await layoutOf(folder, ",name=some/app:1", "--provenance=mode=max", ...flags);
    const [image] = max.images;
    const [statement] = max.statements(image?.digest ?? "");
    expect(statement).toMatchObject({
      predicateType: "https://slsa.dev/provenance/v0.2",
      subject: [
        {
          name: "pkg:docker/some/app@1?platform=linux%2Famd64",
          digest: { sha256: image?.digest.slice("sha256:".length) },
        },
      ],
      predicate: {
        buildType: "https://mobyproject.org/buildkit@v1",
        materials: [{ uri: "pkg:docker/busybox@latest?platform=linux%2Famd64" }],
        invocation: {
          configSource: { entryPoint: "Dockerfile" },
          parameters: {
            frontend: "dockerfile.v0",
            args: { "build-arg:who": "me" },
            secrets: [{ id: "word", optional: true }],
            locals: [{ name: "context" }, { name: "dockerfile" }],
          },
        },
        metadata: { completeness: { parameters: true, environment: true, materials: false } },
      },
    });
    const text = JSON.stringify(statement);
    expect(text).toContain('"args":["/bin/sh","-c","cat /run/secrets/word');
    expect(text).toContain('"copy":{"src":"/a","dest":"/a"');
    expect(text).not.toContain("xyzzy-plugh");
    const min = await layoutOf(folder, "", "--provenance=mode=min,version=v1", ...flags);
    const [small] = min.statements(min.images[0]?.digest ?? "");
    expect(small).toMatchObject({
      predicateType: "https://slsa.dev/provenance/v1",
      predicate: {
        buildDefinition: { resolvedDependencies: [{ digest: {} }] },
        runDetails: { metadata: { buildkit_completeness: { request: false } } },
      },
    });
    expect(JSON.stringify(small)).not.toContain("build-arg");
    const none = await layoutOf(folder, "", "--provenance=false", ...flags);
    expect(none.top.mediaType).toContain("manifest");
    const wrong = await engine.docker(["build", "--attest", "type=nonsense,a=b", folder]);
    expect(wrong.stderr).toContain('unknown attestation type "nonsense"');
  }, 90_000);

  test("an inventory lists packages; a scanner of the user's does so by BuildKit's protocol", async () => {
    const folder = context({
      Dockerfile: "FROM scratch\nCOPY . /\n",
      "var/lib/dpkg/status": [
        "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.2.13\nArchitecture: amd64\n",
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
      ].join("\n"),
      "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
      "app/node_modules/left-pad/package.json": '{"name":"left-pad","version":"1.3.0"}',
    });
    const own = await layoutOf(folder, "", "--sbom=true", "--provenance=false");
    const [statement] = own.statements(own.images[0]?.digest ?? "");
    expect(statement?.predicateType).toBe("https://spdx.dev/Document");
    const packages = statement?.predicate["packages"] as {
      externalRefs?: { referenceLocator: string }[];
    }[];
    expect(
      packages.flatMap(({ externalRefs = [] }) => externalRefs.map((one) => one.referenceLocator)),
    ).toEqual([
      "pkg:deb/debian/zlib1g@1:1.2.13?arch=amd64&distro=debian-12",
      "pkg:npm/left-pad@1.3.0",
    ]);
    const left = '{"predicateType":"https://spdx.dev/Document","predicate":{"seen":"%s"}}';
    const script = `printf '${left}' $BUILDKIT_SCAN_depth-$(ls $BUILDKIT_SCAN_SOURCE | wc -l) > $BUILDKIT_SCAN_DESTINATION/sbom.spdx.json`;
    const scanner = context({
      Dockerfile: `FROM busybox\nENTRYPOINT ${JSON.stringify(["sh", "-c", script])}\n`,
    });
    await build(scanner, "-t", "scanner");
    const flags = ["--attest", "type=sbom,generator=scanner,depth=7"];
    const scanned = await layoutOf(folder, "", "--provenance=false", ...flags);
    expect(scanned.statements(scanned.images[0]?.digest ?? "")[0]?.predicate).toEqual({
      seen: "7-4",
    });
    const failing = context({ Dockerfile: 'FROM busybox\nENTRYPOINT ["false"]\n' });
    await build(failing, "-t", "failing-scanner");
    const refused = await engine.docker([
      "build",
      "--attest",
      "type=sbom,generator=failing-scanner",
      folder,
    ]);
    expect(refused.stderr).toContain("scanner failing-scanner did not complete successfully");
  }, 90_000);
});

describe.skipIf(!hasBuildx)("how an image is written", () => {
  test("annotations go to the documents that they are for", async () => {
    const folder = context({ Dockerfile: "FROM scratch\nCOPY a /a\n", a: "A\n" });
    const layout = await layoutOf(
      folder,
      "",
      ...BOTH,
      ...["--annotation", "all=1", "--annotation", "manifest[linux/arm64]:arm=2"],
      ...[
        "--annotation",
        "index:whole=3",
        "--annotation",
        "manifest-descriptor[linux/amd64]:entry=4",
      ],
      ...["--annotation", "index-descriptor:top=5"],
    );
    expect(layout.top.annotations).toMatchObject({ top: "5" });
    expect(layout.document(layout.top.digest).annotations).toEqual({ whole: "3" });
    expect(layout.images.map(({ annotations }) => annotations)).toEqual([
      { entry: "4" },
      undefined,
    ]);
    const own = layout.images.map(({ digest }) => layout.document(digest).annotations);
    expect(own).toEqual([{ all: "1" }, { all: "1", arm: "2" }]);
    const flags = [
      "--provenance=false",
      "--annotation",
      "index:a=b",
      "--output",
      "type=oci,dest=/dev/null",
    ];
    const refused = await engine.docker(["build", ...flags, folder]);
    expect(refused.stderr).toContain("index annotations not supported for single platform export");
  }, 60_000);

  test("layers are packed as asked, names and digests given as asked", async () => {
    await using registry = await DockerRegistry.start();
    const folder = context({ Dockerfile: "FROM scratch\nCOPY a /a\n", a: "A\n".repeat(10_000) });
    const typeOf = async (output: string): Promise<string | undefined> => {
      const layout = await layoutOf(folder, output, "--provenance=false");
      return layout.document(layout.top.digest).layers?.[0]?.mediaType;
    };
    const oci = "application/vnd.oci.image.layer.v1.tar";
    expect(await typeOf("")).toBe(`${oci}+gzip`);
    expect(await typeOf(",compression=zstd,compression-level=19")).toBe(`${oci}+zstd`);
    expect(await typeOf(",compression=uncompressed")).toBe(oci);
    expect(await typeOf(",oci-mediatypes=false")).toBe(
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
    );
    // buildx sends this to other drivers only
    const attributes = new Map(
      Object.entries({
        name: `${registry.address}/by/digest`,
        push: "true",
        "push-by-digest": "true",
        compression: "zstd",
      }),
    );
    await using client = await BuildkitClient.connect(engine);
    const { response } = await client.build({
      methods: filesMethods({ Dockerfile: "FROM scratch\nCOPY a /a\n", a: "A\n" }),
      exporters: [{ type: "image", attributes }],
    });
    const digest = response.get("containerimage.digest") ?? "";
    const pushed = JSON.parse(await registry.manifest("by/digest", digest));
    expect(pushed.layers[0].mediaType).toBe(`${oci}+zstd`);
    const tagged = await fetch(`http://${registry.address}/v2/by/digest/manifests/latest`);
    expect(tagged.status).toBe(404);
    await build(folder, "--output", "type=image,name=some/app,name-canonical=true");
    expect(await engine.mustDocker("inspect", "-f", "{{.RepoDigests}}", "some/app")).toMatch(
      /^\[some\/app@sha256:[0-9a-f]{64}\]$/,
    );
    await build(
      folder,
      "--output",
      "type=image,dangling-name-prefix=left/over",
      "--build-arg",
      "x=y",
    );
    expect(await engine.mustDocker("images", "--digests", "left/over")).toContain("sha256:");
    for (const wrong of ["store=false", "compression=estargz", "compression-level=99"]) {
      const refused = await engine.docker([
        "build",
        "--output",
        `type=image,name=x,${wrong}`,
        folder,
      ]);
      expect([refused.exitCode, refused.stderr]).toEqual([
        1,
        expect.stringMatching(/Cannot (export|pack)/),
      ]);
    }
  }, 90_000);

  test("two builds without cache give one digest over all exporters, with what is stated", async () => {
    const folder = context({
      Dockerfile: "FROM busybox\nRUN mkdir /new && echo made > /new/file\nCOPY a /copied\n",
      a: "A\n",
    });
    const epoch = 1_600_000_000;
    const env = { SOURCE_DATE_EPOCH: String(epoch) };
    const digest = async (output: string, flags: readonly string[]): Promise<string> => {
      const to = join(engine.root, `same-${next++}`);
      const dest = output.startsWith("type=image") ? "" : `,dest=${to}`;
      const metadata = `${to}.json`;
      const given = ["--no-cache", "--metadata-file", metadata, "--output", `${output}${dest}`];
      const built = await engine.docker(["build", ...given, ...flags, folder], { env });
      expect([built.exitCode, built.exitCode === 0 ? "" : built.stderr]).toEqual([0, ""]);
      if (!existsSync(to))
        return JSON.parse(readFileSync(metadata, "utf8"))["containerimage.digest"];
      if (statSync(to).isDirectory()) {
        const list = [
          "sh",
          "-c",
          'cd "$0" && find . -printf "%p %m %s %T@ %l\\n" | sort | grep -v "^. "',
          to,
        ];
        return (await mustRun(list)).stdout;
      }
      return new Bun.CryptoHasher("sha256").update(readFileSync(to)).digest("hex");
    };
    const stated = ["--provenance=mode=max", "--sbom=true"];
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["type=image,name=same,rewrite-timestamp=true", stated],
      ["type=oci,rewrite-timestamp=true", stated],
      ["type=docker,rewrite-timestamp=true", []],
      ["type=tar", stated],
      ["type=local", stated],
    ];
    for (const [output, flags] of cases) {
      const first = await digest(output, flags);
      expect([output, await digest(output, flags)]).toEqual([output, first]);
    }
  }, 120_000);
});
