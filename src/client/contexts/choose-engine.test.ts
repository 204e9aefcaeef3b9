import { expect, test } from "bun:test";
import { type EngineHints, chooseContextName, chooseEngine } from "./choose-engine.ts";

const none: EngineHints = {
  hosts: [],
  context: undefined,
  hostVariable: undefined,
  contextVariable: undefined,
  currentContext: undefined,
};

test("chooseEngine() follows docker's order: flags, DOCKER_HOST, DOCKER_CONTEXT, current context, Wharf's socket", () => {
  const all: EngineHints = {
    ...none,
    hostVariable: "unix:///v",
    contextVariable: "cv",
    currentContext: "cc",
  };
  expect(chooseEngine({ ...all, hosts: ["unix:///f"] })).toEqual({
    kind: "address",
    address: "unix:///f",
    isNamed: true,
  });
  expect(chooseEngine({ ...all, context: "c" })).toEqual({ kind: "context", name: "c" });
  expect(chooseEngine(all)).toEqual({ kind: "address", address: "unix:///v", isNamed: true });
  expect(chooseEngine({ ...all, hostVariable: undefined })).toEqual({
    kind: "context",
    name: "cv",
  });
  expect(chooseEngine({ ...none, currentContext: "cc" })).toEqual({ kind: "context", name: "cc" });
  expect(chooseEngine(none)).toEqual({
    kind: "address",
    address: "unix:///run/wharf.sock",
    isNamed: false,
  });
});

test("chooseEngine() takes the default context as the environment's address", () => {
  const hints = { ...none, context: "default", hostVariable: "unix:///v", currentContext: "cc" };
  expect(chooseEngine(hints)).toEqual({ kind: "address", address: "unix:///v", isNamed: true });
  expect(chooseContextName({ ...none, currentContext: "default" })).toBe("default");
});

test("chooseEngine() refuses contradictions", () => {
  expect(() => chooseEngine({ ...none, hosts: ["a"], context: "b" })).toThrow(
    "cannot specify both --host and --context",
  );
  expect(() => chooseEngine({ ...none, hosts: ["a", "b"] })).toThrow("specify only one -H");
});
