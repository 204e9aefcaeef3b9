import { formatIdRanges, type IdMappings } from "#base/id-mappings.ts";
import type { Namespaces, UserNamespace } from "#host/namespaces.ts";

/** User namespaces that only mappings are taken of: one for each, while the engine runs. */
export class MappingNamespaces implements Disposable {
  readonly #namespaces: Pick<Namespaces, "openUser">;
  readonly #opened = new Map<string, Promise<UserNamespace>>();

  constructor(namespaces: Pick<Namespaces, "openUser">) {
    this.#namespaces = namespaces;
  }

  /** Where a mount finds the mapping. */
  async pathOf(mappings: IdMappings): Promise<string> {
    const key = `${formatIdRanges(mappings.users)}/${formatIdRanges(mappings.groups)}`;
    const known = this.#opened.get(key);
    if (known) return (await known).path;
    const opening = this.#namespaces.openUser(mappings);
    this.#opened.set(key, opening);
    opening.catch(() => this.#opened.delete(key));
    return (await opening).path;
  }

  [Symbol.dispose](): void {
    for (const opening of this.#opened.values()) {
      void opening.then(
        (namespace) => namespace[Symbol.dispose](),
        () => undefined,
      );
    }
    this.#opened.clear();
  }
}
