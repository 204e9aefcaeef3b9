import { expect, test } from "bun:test";
import { LABEL } from "#compose/labels.ts";
import { loadProject } from "#compose/load-project.ts";
import { networkHash, serviceHash } from "#compose/model/hash.ts";
import type { Project } from "#compose/model/project.ts";
import type { Observed, ObservedContainer } from "#compose/observe/observed.ts";
import { type ContainerStep, planUp, type UpOptions } from "./plan-up.ts";

function load(text: string): Project {
  return loadProject({
    files: [{ path: "compose.yaml", content: text }],
    workingDirectory: "/p",
    environment: new Map(),
    projectName: "p",
    profiles: [],
    warn: () => {},
  });
}

const PLAIN: UpOptions = {
  recreate: "diverged",
  recreateDependencies: "diverged",
  services: [],
  scale: new Map(),
  imageIds: new Map([["x", "sha256:1"]]),
  removesOrphans: false,
  version: "1",
};

/** What `up` would have left of the project. */
function after(project: Project, change: Partial<ObservedContainer> = {}): Observed {
  const containers = [...project.services].flatMap(([service, wanted]) =>
    Array.from({ length: wanted.scale ?? 1 }, (_, index): ObservedContainer => {
      const number = index + 1;
      return {
        id: `${service}-${number}-id`,
        name: `p-${service}-${number}`,
        service,
        number,
        isOneOff: false,
        configHash: serviceHash(wanted),
        imageId: "sha256:1",
        state: "running",
        status: "Up",
        labels: {},
        networks: new Map(),
        volumes: new Map(),
        ports: [],
        ...change,
      };
    }),
  );
  const networks = [...project.networks].map(([, wanted]) => {
    const name = wanted.name ?? "";
    const labels = { [LABEL.configHash]: networkHash(wanted) };
    return [name, { id: "n", name, labels, definition: { Driver: "bridge" } }] as const;
  });
  return { containers, networks: new Map(networks), volumes: new Map() };
}

const NOTHING: Observed = { containers: [], networks: new Map(), volumes: new Map() };
const short = (steps: readonly ContainerStep[]): readonly string[] =>
  steps.map((step) => `${step.action} ${step.name}${"why" in step ? `: ${step.why}` : ""}`);

test("makes what is not there, dependencies first", () => {
  const project = load(
    "services:\n  aa: {image: x, depends_on: [bb], scale: 2}\n  bb: {image: x, container_name: me}\n",
  );
  const plan = planUp(project, NOTHING, PLAIN);
  expect(short(plan.containers)).toEqual([
    "create me: it is not there",
    "create p-aa-1: it is not there",
    "create p-aa-2: it is not there",
  ]);
  expect(plan.networks.map(({ name, action }) => `${action} ${name}`)).toEqual([
    "create p_default",
  ]);
});

test("leaves alone what is as the file says", () => {
  const project = load("services:\n  aa: {image: x}\n");
  const plan = planUp(project, after(project), PLAIN);
  expect(short(plan.containers)).toEqual(["keep p-aa-1"]);
  expect(plan.networks[0]?.action).toBe("keep");
});

test("makes anew what changed, and says why", () => {
  const project = load("services:\n  aa: {image: x}\n");
  const changed = load("services:\n  aa: {image: x, command: other}\n");
  expect(short(planUp(changed, after(project), PLAIN).containers)).toEqual([
    "recreate p-aa-1: its configuration changed",
  ]);
  const newer = { ...PLAIN, imageIds: new Map([["x", "sha256:2"]]) };
  expect(short(planUp(project, after(project), newer).containers)).toEqual([
    "recreate p-aa-1: its image x is another one now",
  ]);
  expect(
    short(planUp(project, after(project), { ...PLAIN, recreate: "force" }).containers),
  ).toEqual(["recreate p-aa-1: asked for"]);
  expect(
    short(planUp(changed, after(project), { ...PLAIN, recreate: "never" }).containers),
  ).toEqual(["keep p-aa-1"]);
});

test("what shares a namespace with what is made anew is made anew", () => {
  const text = (command: string): string =>
    `services:\n  aa: {image: x, network_mode: "service:bb"}\n  bb: {image: x, command: ${command}}\n`;
  expect(short(planUp(load(text("new")), after(load(text("old"))), PLAIN).containers)).toEqual([
    "recreate p-bb-1: its configuration changed",
    "recreate p-aa-1: it shares with bb, which is made anew",
  ]);
});

test("a network that changed takes its containers with it", () => {
  const text = (more: string): string =>
    `services:\n  aa: {image: x}\nnetworks:\n  default: ${more}\n`;
  const plan = planUp(load(text("{internal: true}")), after(load(text("{}"))), PLAIN);
  expect(plan.networks.map(({ action }) => action)).toEqual(["recreate"]);
  expect(short(plan.containers)).toEqual(["recreate p-aa-1: its network p_default is made anew"]);
});

test("scales down by what is out of date, then from the highest number", () => {
  const project = load("services:\n  aa: {image: x, scale: 3}\n");
  const observed = after(project);
  const [first, ...others] = observed.containers;
  const old = {
    ...observed,
    containers: [...(first ? [{ ...first, configHash: "old" }] : []), ...others],
  };
  const one = { ...PLAIN, scale: new Map([["aa", 1]]) };
  expect(short(planUp(project, old, one).containers)).toEqual([
    "remove p-aa-1: scaled to 1",
    "keep p-aa-2",
    "remove p-aa-3: scaled to 1",
  ]);
});

test("names orphans, and removes them when asked", () => {
  const project = load("services:\n  aa: {image: x}\n");
  const before = after(load("services:\n  aa: {image: x}\n  zz: {image: x}\n"));
  const plan = planUp(project, before, PLAIN);
  expect(plan.orphans.map(({ name }) => name)).toEqual(["p-zz-1"]);
  expect(short(plan.containers)).toEqual(["keep p-aa-1"]);
  const removing = planUp(project, before, { ...PLAIN, removesOrphans: true });
  expect(short(removing.containers)).toEqual(["remove p-zz-1: orphan", "keep p-aa-1"]);
});

test("tells what is said to be there and is not", () => {
  const project = load(
    "services:\n  aa: {image: x, networks: [n], volumes: ['vol:/v']}\nnetworks: {n: {external: true}}\nvolumes: {vol: {external: true, name: other}}\n",
  );
  expect(planUp(project, NOTHING, PLAIN).missing).toEqual([
    { kind: "network", key: "n", name: "n" },
    { kind: "volume", key: "vol", name: "other" },
  ]);
});
