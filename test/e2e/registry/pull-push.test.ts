import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

// The user's story: an image goes to a registry and comes back, through the docker CLI.

let engine: TestEngine;
let registry: DockerRegistry;

beforeAll(async () => {
  [engine, registry] = await Promise.all([startEngine(), DockerRegistry.start()]);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

/** Every line of a progress stream. */
async function stream(method: string, path: string): Promise<readonly Record<string, unknown>[]> {
  const answer = await engine.api(method, path);
  const lines = (await answer.text()).split("\r\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("an image that was made here", () => {
  const digestOf = (output: string): string =>
    /digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1] ?? "";

  test("is pushed packed, and pulled again by tag and by digest", async () => {
    const name = `${registry.address}/story/busybox`;
    await engine.mustDocker("tag", "busybox:latest", `${name}:1`);
    const pushed = await engine.mustDocker("push", `${name}:1`);
    expect(pushed).toContain(`The push refers to repository [${name}]`);
    const digest = digestOf(pushed);
    expect(JSON.parse(await registry.manifest("story/busybox", "1"))).toMatchObject({
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }],
    });
    expect(await engine.mustDocker("push", `${name}:1`)).toContain("Layer already exists");

    await engine.mustDocker("rmi", "-f", `${name}:1`, "busybox:latest");
    expect(await engine.mustDocker("images", "-qa")).toBe("");
    const pulled = await engine.mustDocker("pull", `${name}:1`);
    expect(pulled).toContain("1: Pulling from story/busybox");
    expect(pulled).toContain("Pull complete");
    expect(pulled).toContain(`Digest: ${digest}`);
    expect(pulled).toContain(`Status: Downloaded newer image for ${name}:1`);
    expect(await engine.mustDocker("run", "--rm", `${name}:1`, "echo", "came back")).toBe(
      "came back",
    );
    expect(await engine.mustDocker("pull", `${name}:1`)).toContain(
      `Status: Image is up to date for ${name}:1`,
    );

    await engine.mustDocker("rmi", "-f", `${name}:1`);
    await engine.mustDocker("pull", `${name}@${digest}`);
    expect(
      await engine.mustDocker(
        "image",
        "inspect",
        "-f",
        "{{json .RepoDigests}} {{json .RepoTags}}",
        `${name}@${digest}`,
      ),
    ).toBe(`["${name}@${digest}"] []`);
    await engine.mustDocker("tag", `${name}@${digest}`, "busybox:latest");
  });

  test("goes to another repository of the registry without being sent again", async () => {
    const name = `${registry.address}/story/other`;
    await engine.mustDocker("tag", "busybox:latest", `${name}:2`);
    expect(await engine.mustDocker("push", `${name}:2`)).toContain("Mounted from story/busybox");
    expect(await registry.manifest("story/other", "2")).toBe(
      await registry.manifest("story/busybox", "1"),
    );
  });

  test("-a pushes and pulls every tag", async () => {
    const name = `${registry.address}/story/all`;
    for (const tag of ["a", "b"])
      await engine.mustDocker("tag", "busybox:latest", `${name}:${tag}`);
    await engine.mustDocker("push", "-a", name);
    await engine.mustDocker("rmi", `${name}:a`, `${name}:b`);
    await engine.mustDocker("pull", "-a", name);
    expect(
      (await engine.mustDocker("images", "--format", "{{.Tag}}", name)).split("\n").toSorted(),
    ).toEqual(["a", "b"]);
  });
});

describe("what is not there", () => {
  test("is named as Docker names it", async () => {
    const name = `${registry.address}/story/none`;
    const answer = await engine.api("POST", `/v1.51/images/create?fromImage=${name}&tag=1`);
    expect(answer.status).toBe(404);
    expect(((await answer.json()) as { message: string }).message).toBe(
      `manifest for ${name}:1 not found: manifest unknown: manifest unknown`,
    );
    const [first, second] = await stream("POST", `/v1.51/images/${name}/push?tag=1`);
    expect(first).toEqual({ status: `The push refers to repository [${name}]` });
    expect(second).toMatchObject({
      error: `An image does not exist locally with the tag: ${name}`,
    });
  });

  test("a registry that is not there is told by its address", async () => {
    const { exitCode, stderr } = await engine.docker(["pull", "127.0.0.1:1/x"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    );
  });
});

test("GET /distribution looks into a registry", async () => {
  const answer = await engine.api(
    "GET",
    `/v1.51/distribution/${registry.address}/story/busybox:1/json`,
  );
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({
    Descriptor: { mediaType: "application/vnd.oci.image.manifest.v1+json" },
    Platforms: [{ architecture: "amd64", os: "linux" }],
  });
});
