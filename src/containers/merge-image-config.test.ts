import { describe, expect, test } from "bun:test";
import { readContainerConfig } from "#spec/engine-api/container-config.ts";
import { JsonReader } from "#base/json-reader.ts";
import { EMPTY_EXECUTION_CONFIG } from "#spec/oci-image.ts";
import { commandOf, mergeImageConfig } from "./merge-image-config.ts";

const IMAGE = {
  ...EMPTY_EXECUTION_CONFIG,
  entrypoint: ["/entry"],
  cmd: ["serve"],
  env: ["PATH=/bin", "LANG=C"],
  labels: { from: "image", kept: "yes" },
  exposedPorts: ["80/tcp"],
  volumes: ["/data"],
  workingDir: "/srv",
  user: "app",
  stopSignal: "SIGQUIT",
};

function merge(body: Record<string, unknown>, image = IMAGE): ReturnType<typeof mergeImageConfig> {
  return mergeImageConfig(readContainerConfig(JsonReader.of(body)), image);
}

function words(body: Record<string, unknown>): readonly string[] {
  const { path, args } = commandOf(merge(body));
  return [path, ...args];
}

describe("mergeImageConfig()", () => {
  test("takes from the image what the request leaves open", () => {
    expect(
      merge({ Env: ["LANG=de"], Labels: { from: "user" }, ExposedPorts: { "81": {} } }),
    ).toMatchObject({
      User: "app",
      WorkingDir: "/srv",
      Env: ["LANG=de", "PATH=/bin"],
      Labels: { from: "user", kept: "yes" },
      ExposedPorts: { "80/tcp": {}, "81/tcp": {} },
      Volumes: { "/data": {} },
      StopSignal: "SIGQUIT",
    });
  });

  test.each([
    [{}, ["/entry", "serve"]],
    [{ Cmd: ["other"] }, ["/entry", "other"]],
    [{ Entrypoint: ["sh"] }, ["sh"]],
    [{ Entrypoint: ["sh"], Cmd: ["-c"] }, ["sh", "-c"]],
    [{ Entrypoint: [""], Cmd: ["ls"] }, ["ls"]],
    [{ Entrypoint: [], Cmd: ["ls"] }, ["ls"]],
  ])("%j runs %j", (body, expected) => {
    expect(words(body)).toEqual(expected);
  });

  test("refuses an entry point taken away with nothing to run", () => {
    expect(() => merge({ Entrypoint: [""] })).toThrow("no command specified");
    expect(() => merge({}, { ...IMAGE, entrypoint: [], cmd: [] })).toThrow("no command specified");
  });
});
