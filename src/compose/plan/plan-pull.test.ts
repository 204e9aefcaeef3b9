import { expect, test } from "bun:test";
import type { Project, Service } from "#compose/model/project.ts";
import { planPull } from "./plan-pull.ts";

function project(services: Readonly<Record<string, Service>>): Project {
  const none = new Map<string, never>();
  return {
    name: "p",
    workingDirectory: "/",
    files: [],
    environment: none,
    services: new Map(Object.entries(services)),
    disabledServices: none,
    networks: none,
    volumes: none,
    secrets: none,
    configs: none,
    models: none,
    extensions: none,
    locate: () => "",
  };
}

test("planPull() pulls each image once, and says why it leaves the others", () => {
  const images = new Map([["x:1", { id: "sha256:1", taggedAtMs: 0 }]]);
  const steps = planPull(
    project({
      one: { image: "x" },
      two: { image: "x" },
      built: { build: { context: "." } },
      both: { image: "y", build: { context: "." } },
      there: { image: "x:1", pull_policy: "missing" },
      never: { image: "z", pull_policy: "never" },
    }),
    { ignoresBuildable: true, policy: "", images },
  );
  expect(steps.map((step) => (step.action === "skip" ? step.why : step.image))).toEqual([
    "x",
    "Skipped - Image is already being pulled by one",
    "Skipped - No image to be pulled",
    "Skipped - Image can be built",
    "Skipped - Image is already present locally",
    "Skipped",
  ]);
});

test("planPull() pulls what is called latest even where it is there", () => {
  const images = new Map([["localhost:5000/x", { id: "sha256:1", taggedAtMs: 0 }]]);
  const [step] = planPull(project({ one: { image: "localhost:5000/x" } }), {
    ignoresBuildable: false,
    policy: "missing",
    images,
  });
  expect(step?.action).toBe("pull");
});

test("planPull() pulls the images of hooks by the policies of their services, each once", () => {
  const hook = (image: string): Service => ({ pre_start: [{ command: ["true"] }, { image }] });
  const steps = planPull(
    project({
      web: { image: "x:1", platform: "linux/arm64", ...hook("h:1") },
      same: { image: "y:1", ...hook("h:1") },
      own: { image: "h:2", ...hook("x:1") },
      never: { image: "z:1", pull_policy: "never", ...hook("h:3") },
      built: { build: {}, pull_policy: "build", ...hook("h:4") },
    }),
    { ignoresBuildable: false, policy: "", images: new Map([["h:4", { id: "", taggedAtMs: 0 }]]) },
  );
  const told = steps.map((step) => [
    step.service,
    step.action === "skip" ? step.why : [step.image, step.platform],
  ]);
  expect(told.slice(5)).toEqual([
    ["web:pre_start 1", ["h:1", "linux/arm64"]],
    ["same:pre_start 1", "Skipped - Image is already being pulled by web:pre_start 1"],
    ["never:pre_start 1", "Skipped"],
    ["built:pre_start 1", "Skipped - Image is already present locally"],
  ]);
});
