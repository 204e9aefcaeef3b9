// A user builds the same project by Docker's own engine: its BuildKit, through our client.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, runCommand } from "../../harness/command.ts";
import { DockerEngine } from "../../harness/docker-engine.ts";
import { DockerRegistry } from "../../harness/registry/docker-registry.ts";
import { WHARF } from "../../harness/engine.ts";

let docker: DockerEngine | undefined;
let folder: string;
beforeAll(async () => {
  docker = await DockerEngine.start();
  folder = mkdtempSync("/var/tmp/wharf-compose-");
}, 120_000);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await docker?.[Symbol.asyncDispose]();
});

test("wharf compose builds and pushes by dockerd, and is told what its image store cannot", async () => {
  if (!docker) return;
  const { host } = docker;
  await using registry = await DockerRegistry.start();
  const image = `${registry.address}/team/app:1`;
  mkdirSync(join(folder, "lib"));
  writeFileSync(join(folder, "lib", "code"), "library\n");
  const compose = async (file: string, ...words: readonly string[]): Promise<CommandResult> => {
    writeFileSync(join(folder, "compose.yaml"), file);
    return await runCommand([WHARF, "compose", "-p", "there", ...words], {
      cwd: folder,
      env: { DOCKER_HOST: host, DOCKER_CONFIG: join(folder, "client"), NO_COLOR: "1" },
    });
  };
  const inline = 'dockerfile_inline: "FROM scratch\\nCOPY code /code"';
  const built = await compose(
    `services: {app: {image: "${image}", build: {context: lib, ${inline}}}}\n`,
    ...["build", "--push"],
  );
  expect([built.exitCode, built.stderr]).toEqual([0, ` Image ${image}  Built\n`]);
  const format = '{{index .Config.Labels "com.docker.compose.project"}}';
  expect(await docker.mustDocker("user", ["inspect", "-f", format, image])).toBe("there");
  expect(await registry.manifest("team/app", "1")).toContain("layers");
  for (const [key, what] of [
    ["platforms: [linux/amd64, linux/arm64]", "Multi-platform build"],
    ["provenance: true", "Attestation"],
  ]) {
    const refused = await compose(
      `services: {app: {build: {dockerfile_inline: "FROM scratch", ${key}}}}\n`,
      "build",
    );
    expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain(`compose.yaml:1:`);
    expect(refused.stderr).toContain(`${what} is not supported by the engine's image store`);
  }
});
