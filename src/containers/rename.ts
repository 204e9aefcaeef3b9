import { ConflictError, InvalidArgumentError } from "#base/errors.ts";
import { dnsNamesOf } from "./networks/attachments.ts";
import type { ContainerParts } from "./parts.ts";
import { assertAllowed } from "./transitions.ts";

export async function renameContainer(
  parts: Pick<ContainerParts, "events" | "lives" | "networks" | "registry">,
  reference: string,
  newName: string,
): Promise<void> {
  const { id } = parts.registry.resolve(reference);
  if (newName === "") throw new InvalidArgumentError("Neither old nor new names may be empty");
  await parts.lives.of(id).lane.run(async () => {
    const record = parts.registry.get(id);
    assertAllowed("rename", record, reference);
    const wanted = newName.startsWith("/") ? newName.slice(1) : newName;
    if (wanted === record.name) {
      throw new InvalidArgumentError("Renaming a container with the same name as its current name");
    }
    using claim = claimFor(parts, `/${wanted}`, record.id);
    const after = { ...record, name: claim.name };
    parts.registry.put(after);
    for (const [network, settings] of Object.entries(after.networkingConfig.EndpointsConfig)) {
      const networkId = after.networkIds?.[network];
      if (networkId === undefined) continue;
      parts.networks.renameEndpoint(id, networkId, dnsNamesOf(after, network, settings));
    }
    parts.events.publish(after, "rename", { oldName: `/${record.name}` });
  });
}

function claimFor(
  parts: Pick<ContainerParts, "registry">,
  name: string,
  id: Parameters<ContainerParts["registry"]["claimName"]>[1],
): ReturnType<ContainerParts["registry"]["claimName"]> {
  const prefix = "Error when allocating new name: ";
  try {
    return parts.registry.claimName(name, id);
  } catch (cause) {
    if (cause instanceof ConflictError) throw new ConflictError(prefix + cause.message, { cause });
    if (cause instanceof InvalidArgumentError) {
      throw new InvalidArgumentError(prefix + cause.message, { cause });
    }
    throw cause;
  }
}
