import type { Project } from "#compose/model/project.ts";

/** Services so that each comes after all that it needs; of equals, by name. */
export function dependencyOrder(project: Project): readonly string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const service = project.services.get(name);
    if (!service) return;
    for (const other of [...(service.depends_on?.keys() ?? [])].toSorted()) visit(other);
    order.push(name);
  };
  for (const name of [...project.services.keys()].toSorted()) visit(name);
  return order;
}

/** Names of the services whose containers this one's must be there before it is made, not only started. */
export function madeBefore(project: Project, name: string): readonly string[] {
  const service = project.services.get(name);
  if (!service) return [];
  const shared = [service.network_mode, service.ipc, service.pid]
    .filter((value) => value?.startsWith("service:") ?? false)
    .map((value = "") => value.slice("service:".length));
  const volumes = (service.volumes_from ?? [])
    .filter((from) => !from.startsWith("container:"))
    .map((from) => from.split(":", 1)[0] ?? "");
  const links = (service.links ?? []).map((link) => link.split(":", 1)[0] ?? "");
  return [...new Set([...shared, ...volumes, ...links])];
}
