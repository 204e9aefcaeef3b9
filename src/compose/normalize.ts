import { isList, isMapping, type Mapping, type Tree, withKey } from "./file/tree.ts";

/** Kinds of resources that get a name, and what goes before it. */
const NAMED = ["networks", "volumes", "secrets", "configs"];
const NAMESPACES = ["network_mode", "ipc", "pid", "uts", "cgroup"];
const PULL_POLICIES: Readonly<Record<string, string>> = { if_not_present: "missing" };

/**
 * Says what the file leaves to be understood: the network `default`, the names of resources, what a service
 * depends on by what it shares, where its Dockerfile is.
 *
 * @param folder Where a build without a context is; `.` where paths are kept as they are.
 */
export function normalize(tree: Mapping, projectName: string, folder: string): Mapping {
  const services = mappingAt(tree, "services");
  const normalized = new Map(
    [...services].map(([name, service]) => [
      name,
      normalizeService(isMapping(service) ? service : new Map(), folder),
    ]),
  );
  const made = new Map(tree).set("services", normalized);
  const usesDefault = [...normalized.values()].some((service) => {
    const networks = service.get("networks");
    return isMapping(networks) && networks.has("default");
  });
  const networks = mappingAt(tree, "networks");
  if (usesDefault && !networks.has("default")) {
    made.set("networks", new Map(networks).set("default", null));
  }
  for (const kind of NAMED) {
    const resources = made.get(kind);
    if (!isMapping(resources)) continue;
    const named = [...resources].map(([key, resource]): [string, Tree] => [
      key,
      withName(isMapping(resource) ? resource : new Map(), key, projectName),
    ]);
    made.set(kind, new Map(named));
  }
  return made;
}

function mappingAt(tree: Mapping, key: string): Mapping {
  const value = tree.get(key);
  return isMapping(value) ? value : new Map();
}

function withName(resource: Mapping, key: string, projectName: string): Mapping {
  if (typeof resource.get("name") === "string") return resource;
  const name = resource.get("external") === true ? key : `${projectName}_${key}`;
  return new Map([["name", name], ...resource]);
}

function normalizeService(service: Mapping, folder: string): Mapping {
  let made = service;
  const hasNetworks = isMapping(service.get("networks")) && mappingAt(service, "networks").size > 0;
  if (!hasNetworks && !service.has("network_mode") && !service.has("provider")) {
    made = withKey(made, "networks", new Map([["default", null]]));
  }
  const policy = service.get("pull_policy");
  if (typeof policy === "string" && PULL_POLICIES[policy] !== undefined) {
    made = withKey(made, "pull_policy", PULL_POLICIES[policy]);
  }
  const build = service.get("build");
  if (isMapping(build)) made = withKey(made, "build", normalizeBuild(build, folder));
  const dependsOn = impliedDependencies(service);
  if (dependsOn.size > 0) made = withKey(made, "depends_on", dependsOn);
  return made;
}

function normalizeBuild(build: Mapping, folder: string): Mapping {
  let made = build;
  if (!build.has("context")) made = withKey(made, "context", folder);
  if (!build.has("dockerfile") && !build.has("dockerfile_inline")) {
    made = withKey(made, "dockerfile", "Dockerfile");
  }
  return made;
}

/** What it is linked to, shares a namespace with or takes volumes from starts before it. */
function impliedDependencies(service: Mapping): Mapping {
  const found = new Map(mappingAt(service, "depends_on"));
  const add = (name: string, isRestarted: boolean): void => {
    if (found.has(name)) return;
    const dependency = new Map<string, Tree>([
      ["condition", "service_started"],
      ["restart", isRestarted],
      ["required", true],
    ]);
    found.set(name, dependency);
  };
  const words = (key: string): readonly string[] => {
    const list = service.get(key);
    return isList(list) ? list.filter((each) => typeof each === "string") : [];
  };
  for (const link of words("links")) add(link.split(":", 1)[0] ?? "", true);
  for (const key of NAMESPACES) {
    const value = service.get(key);
    if (typeof value === "string" && value.startsWith("service:")) {
      add(value.slice("service:".length), true);
    }
  }
  for (const from of words("volumes_from")) {
    if (!from.startsWith("container:")) add(from.split(":", 1)[0] ?? "", false);
  }
  return found;
}
