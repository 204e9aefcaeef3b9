// A user's registry is from before OCI: a push still arrives, and comes back.
import { expect, test } from "bun:test";
import { startEngine } from "../../harness/engine.ts";
import { passOn } from "../../harness/pass-on.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** Passes everything on to a registry but manifests of OCI. */
function openOldRegistry(url: string): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      if (request.method === "PUT" && request.headers.get("content-type") === OCI_MANIFEST) {
        const errors = [{ code: "MANIFEST_INVALID", message: "manifest invalid" }];
        return Response.json({ errors }, { status: 400 });
      }
      return await passOn(request, url);
    },
  });
}

test("an image goes to a registry that knows Docker's schema 2 alone", async () => {
  await using server = await RegistryServer.open({ flags: ["--auth", "none"] });
  const old = openOldRegistry(server.url);
  try {
    await using engine = await startEngine();
    const name = `127.0.0.1:${old.port}/old/busybox:1`;
    await engine.mustDocker("tag", "busybox", name);
    expect(await engine.mustDocker("push", name)).toContain("it gets Docker's schema 2");
    const manifest = await fetch(`${server.url}/v2/old/busybox/manifests/1`, {
      headers: { Accept: "*/*" },
    });
    expect(await manifest.json()).toMatchObject({
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      config: { mediaType: "application/vnd.docker.container.image.v1+json" },
      layers: [{ mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" }],
    });
    await engine.mustDocker("rmi", name, "busybox");
    expect(await engine.mustDocker("run", "--rm", name, "echo", "back")).toBe("back");
  } finally {
    void old.stop(true);
  }
}, 60_000);
