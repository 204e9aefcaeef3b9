import { expect, test } from "bun:test";
import { containerDetails, RUNNING } from "#api/testing/container-fixtures.ts";
import { FakeContainers } from "#api/testing/fake-containers.ts";
import { serve } from "#api/testing/serve.ts";
import { DOCKER_DEFAULTS } from "#spec/engine-api/host-config.ts";
import type { ContainersBackend } from "./backend.ts";
import { containerRoutes } from "./routes.ts";

const CHUNK_BYTES = 256 * 1024;
const CHUNKS = 12;

/** Hands out one buffer again and again, as the files' workers do. */
class ReusingContainers extends FakeContainers {
  override async readArchive(): ReturnType<ContainersBackend["readArchive"]> {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < CHUNKS; index++) yield buffer.fill(index).subarray();
      buffer.fill(0xff);
    };
    return { chunks: chunks(), [Symbol.asyncDispose]: async () => {} };
  }
}

test.each(["gzip", "deflate", "identity"])(
  "GET archive as %s takes each chunk before the next is asked for",
  async (encoding) => {
    const containers = new ReusingContainers(containerDetails({}, RUNNING));
    await using server = await serve(
      containerRoutes({
        containers,
        defaults: () => DOCKER_DEFAULTS,
        bridgeName: "b0",
        isExperimental: true,
        nowMs: () => 0,
      }),
    );
    const response = await fetch("http://wharf/containers/web/archive?path=/file", {
      unix: server.path,
      headers: { "Accept-Encoding": encoding },
      decompress: false,
    });
    const body = new Uint8Array(await response.arrayBuffer());
    const plain =
      encoding === "gzip"
        ? Bun.gunzipSync(body)
        : encoding === "deflate"
          ? Bun.inflateSync(body)
          : body;
    const wanted = Buffer.concat(
      Array.from({ length: CHUNKS }, (_, index) => Buffer.alloc(CHUNK_BYTES, index)),
    );
    expect(wanted.equals(plain)).toBe(true);
  },
);
