import { cutAt } from "#cli/command/flags.ts";

/** `key=value` texts as an object; a text without `=` is a key with an empty value. */
export function labelMap(labels: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    labels.map((label) => {
      const [key, value = ""] = cutAt(label, "=");
      return [key, value];
    }),
  );
}
