import { NotFoundError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { Failures } from "#cli/output/failures.ts";
import { formatImageReference } from "#spec/reference.ts";
import { ManifestStore } from "./manifest-store.ts";
import { parseManifestName } from "./references.ts";

export const command: Command = defineCommand({
  usage: "MANIFEST_LIST [MANIFEST_LIST...]",
  args: atLeast(1),
  flags: {},
  async run(cli, { args }) {
    const store = new ManifestStore(cli.globals.configDir);
    const failures = new Failures();
    for (const name of args) {
      try {
        const list = parseManifestName(name);
        if (!store.has(list)) {
          throw new NotFoundError(`No such manifest: ${formatImageReference(list)}`);
        }
        store.remove(list);
      } catch (error) {
        failures.add(error);
      }
    }
    failures.throwIfAny();
    return await Promise.resolve(0);
  },
});
