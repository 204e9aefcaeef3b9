// A user asks what is signed: what refers to an image, in registries that list it and in those that do not.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { pushBlob, sha256 } from "../../harness/registry/registry-client.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const folder = mkdtempSync("/var/tmp/wharf-referrers-");
let engine: TestEngine;
let server: RegistryServer;
let old: DockerRegistry;

beforeAll(async () => {
  [engine, server, old] = await Promise.all([
    startEngine(),
    RegistryServer.open({ flags: ["--auth", "none"] }),
    DockerRegistry.start(),
  ]);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await Promise.all([server, old].map((one) => one[Symbol.asyncDispose]()));
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An image whose manifest has a subject, as an archive; loaded and pushed it stays byte for byte. */
async function writeAboutImage(name: string, subject: Descriptor): Promise<string> {
  const layout = join(folder, name);
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const add = (bytes: Uint8Array | string, mediaType: string): Descriptor => {
    const digest = sha256(bytes);
    writeFileSync(join(layout, "blobs", digest.replace(":", "/")), bytes);
    return { mediaType, digest, size: Buffer.byteLength(bytes) };
  };
  writeFileSync(join(layout, "about"), name);
  await mustRun(["tar", "-cf", join(layout, "layer.tar"), "-C", layout, "about"]);
  const tar = readFileSync(join(layout, "layer.tar"));
  const layer = add(Bun.gzipSync(tar), "application/vnd.oci.image.layer.v1.tar+gzip");
  const rootfs = { type: "layers", diff_ids: [sha256(tar)] };
  const config = add(
    JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs }),
    "application/vnd.oci.image.config.v1+json",
  );
  const manifest = add(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: "text/about",
      config,
      layers: [layer],
      subject,
      annotations: { by: name },
    }),
    MANIFEST,
  );
  const annotations = { "io.containerd.image.name": `${name}:1` };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await mustRun(["tar", "-cf", `${layout}.tar`, "-C", layout, "blobs", "index.json", "oci-layout"]);
  await engine.mustWharf("load", "-qi", `${layout}.tar`);
  return manifest.digest;
}

async function describedImage(url: string, tag: string): Promise<Descriptor> {
  const headers = { Accept: `${MANIFEST}, ${INDEX}` };
  const answer = await fetch(`${url}/v2/app/manifests/${tag}`, { headers });
  const text = await answer.text();
  const { mediaType } = JSON.parse(text) as { mediaType: string };
  return { mediaType, digest: sha256(text), size: text.length };
}

describe.each(["our registry", "a registry that lists nothing"])("%s", (kind) => {
  const isOurs = kind === "our registry";
  const address = (): string => (isOurs ? server.host : old.address);
  const url = (): string => (isOurs ? server.url : `http://${old.address}`);

  test("what refers to an image is pushed, found, filtered and shown as a tree", async () => {
    const image = `${address()}/app:1`;
    await engine.mustWharf("tag", "busybox", image);
    await engine.mustWharf("push", "-q", image);
    const subject = await describedImage(url(), "1");
    const name = isOurs ? "ours" : "olds";
    const about = await writeAboutImage(name, subject);
    await engine.mustWharf("tag", `${name}:1`, `${address()}/app:about`);
    await engine.mustWharf("push", "-q", `${address()}/app:about`);
    // a signature of what is about the image, which no image is
    const aboutImage = await describedImage(url(), "about");
    expect(aboutImage.digest).toBe(about);
    const digest = await pushBlob(url(), "app", Buffer.from("{}"));
    const empty = { mediaType: "application/vnd.oci.empty.v1+json", digest, size: 2 };
    const signature = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: "text/signature",
      config: empty,
      layers: [empty],
      subject: aboutImage,
    });
    await fetch(`${url()}/v2/app/manifests/${sha256(signature)}`, {
      method: "PUT",
      headers: { "Content-Type": MANIFEST },
      body: signature,
    });
    const tag = (subjectDigest: string): string => subjectDigest.replace(":", "-");
    const fallback = await fetch(`${url()}/v2/app/manifests/${tag(subject.digest)}`, {
      headers: { Accept: INDEX },
    });
    expect(fallback.status).toBe(isOurs ? 404 : 200);
    if (!isOurs) {
      const manifests = [
        {
          ...aboutImage,
          mediaType: MANIFEST,
          annotations: { by: name },
          artifactType: "text/about",
        },
      ];
      expect(await fallback.json()).toEqual({ schemaVersion: 2, mediaType: INDEX, manifests });
      // whoever pushes by hand writes the tag by hand
      const index = {
        schemaVersion: 2,
        mediaType: INDEX,
        manifests: [
          {
            mediaType: MANIFEST,
            digest: sha256(signature),
            size: signature.length,
            artifactType: "text/signature",
          },
        ],
      };
      await fetch(`${url()}/v2/app/manifests/${tag(about)}`, {
        method: "PUT",
        headers: { "Content-Type": INDEX },
        body: JSON.stringify(index),
      });
    }

    expect(await engine.mustWharf("image", "referrers", image)).toBe(
      [
        `${address()}/app@${subject.digest}`,
        "└── text/about",
        `    └── ${about}`,
        "        └── text/signature",
        `            └── ${sha256(signature)}`,
      ].join("\n"),
    );
    const pinned = `${address()}/app@${subject.digest}`;
    expect(await engine.mustWharf("image", "referrers", "-q", "--depth", "1", pinned)).toBe(about);
    expect(await engine.mustWharf("image", "referrers", "-v", image)).toContain(`by: ${name}`);
    const typed = ["image", "referrers", "--artifact-type", "text/other", "--format", "json"];
    const none: unknown = JSON.parse(await engine.mustWharf(...typed, "--insecure", image));
    expect(none).toMatchObject({ reference: pinned, digest: subject.digest, referrers: [] });
  }, 60_000);

  test("an image that is not there, and a format that is none, are named", async () => {
    const missing = await engine.wharf(["image", "referrers", `${address()}/nothing:1`]);
    expect(missing.exitCode).toBe(1);
    expect(missing.stderr).toContain(`no such manifest: ${address()}/nothing:1`);
    const format = await engine.wharf(["image", "referrers", "--format", "x", `${address()}/app`]);
    expect(format.stderr).toContain('unknown format "x": want tree or json');
  });
});

test("our registry's pages are read one by one", async () => {
  const image = `${server.host}/app:1`;
  const subject = await describedImage(server.url, "1");
  const digest = await pushBlob(server.url, "app", Buffer.from("{}"));
  const empty = { mediaType: "application/vnd.oci.empty.v1+json", digest, size: 2 };
  // annotations so long that a page of the registry's ends before the list does
  const note = "x".repeat(500_000);
  for (let number = 0; number < 12; number++) {
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: "text/many",
      config: empty,
      layers: [empty],
      subject,
      annotations: { number: `${number}`, note },
    });
    const answer = await fetch(`${server.url}/v2/app/manifests/${sha256(manifest)}`, {
      method: "PUT",
      headers: { "Content-Type": MANIFEST },
      body: manifest,
    });
    expect(answer.status).toBe(201);
  }
  const first = await fetch(`${server.url}/v2/app/referrers/${subject.digest}`);
  expect(first.headers.get("link")).toContain("last=");
  await first.body?.cancel();
  const typed = ["image", "referrers", "-q", "--artifact-type", "text/many", image];
  expect((await engine.mustWharf(...typed)).split("\n")).toHaveLength(12);
}, 60_000);
