import { describe, expect, test } from "bun:test";
import {
  missingParameter,
  parseProviderMessage,
  parseProviderMetadata,
  type ProviderCall,
  providerArguments,
} from "./provider-protocol.ts";

describe("parseProviderMessage()", () => {
  test("reads each type; a value keeps its equal signs", () => {
    const read = (line: string) => parseProviderMessage(line, "db");
    expect(read('{"type":"info","message":"half way"}')).toEqual({
      type: "info",
      message: "half way",
    });
    expect(read('{"type":"setenv","message":"URL=http://db/?a=b"}')).toEqual({
      type: "setenv",
      name: "URL",
      value: "http://db/?a=b",
    });
    expect(read('{"type":"setenv","message":"EMPTY="}')).toEqual({
      type: "setenv",
      name: "EMPTY",
      value: "",
    });
    expect(read("  ")).toBeUndefined();
  });

  test.each([
    "no json",
    "[]",
    '{"message":"no type"}',
    '{"type":"boast","message":"x"}',
    '{"type":"setenv","message":"NO VALUE"}',
    '{"type":"setenv","message":"=x"}',
    '{"type":"info","message":7}',
  ])("refuses %s", (line) => {
    expect(() => parseProviderMessage(line, "services.db")).toThrow(
      "services.db: invalid response from plugin",
    );
  });
});

describe("providerArguments()", () => {
  const options = new Map([
    ["size", ["256"]],
    ["name", ["a", "b c"]],
  ]);
  const call: ProviderCall = {
    projectName: "shop",
    serviceName: "db",
    provider: { type: "cloud", options },
    verb: "up",
    metadata: undefined,
  };

  test("a flag a value, in the file's order", () => {
    expect(providerArguments(call)).toEqual([
      ...["compose", "--project-name=shop", "up"],
      ...["--size=256", "--name=a", "--name=b c", "db"],
    ]);
  });

  test("only what the metadata of the verb names", () => {
    const metadata = parseProviderMetadata(
      '{"up":{"parameters":[{"name":"size","required":true},{"name":"zone","required":true}]}}',
    );
    expect(providerArguments({ ...call, metadata })).toEqual([
      ...["compose", "--project-name=shop", "up", "--size=256", "db"],
    ]);
    expect(providerArguments({ ...call, metadata, verb: "down" })).toEqual([
      ...["compose", "--project-name=shop", "down", "db"],
    ]);
    expect(missingParameter(call.provider, "up", metadata)).toBe("zone");
    expect(missingParameter(call.provider, "down", metadata)).toBeUndefined();
  });

  test("metadata that says nothing is none", () => {
    for (const text of ["", "{}", "[]", "usage: cloud", '{"up":7}']) {
      expect(parseProviderMetadata(text)).toBeUndefined();
    }
  });
});
