/** What a Compose file is made of: undefined values and empty lists and maps are left out of maps. */
export type YamlValue =
  | string
  | number
  | boolean
  | readonly YamlValue[]
  | { readonly [key: string]: YamlValue | undefined };

/** Words that YAML 1.1 reads as something else than text. */
const RESERVED = /^(?:~|null|true|false|yes|no|on|off|y|n|\.inf|\.nan)$/i;

/** Block style; texts are plain where every reader takes them for the same text. */
export function toYaml(value: YamlValue, indent = ""): string {
  if (isList(value)) return value.map((one) => listItem(one, indent)).join("");
  if (!isMap(value)) return `${indent}${scalar(value)}\n`;
  return Object.entries(value)
    .filter((entry): entry is [string, YamlValue] => entry[1] !== undefined && !isEmpty(entry[1]))
    .map(([key, one]) => `${indent}${scalar(key)}:${below(one, indent)}`)
    .join("");
}

export function isList(value: YamlValue): value is readonly YamlValue[] {
  return Array.isArray(value);
}

export function isMap(
  value: YamlValue,
): value is { readonly [key: string]: YamlValue | undefined } {
  return typeof value === "object" && !Array.isArray(value);
}

function isEmpty(value: YamlValue): boolean {
  return typeof value === "object" && Object.values(value).every((one) => one === undefined);
}

function below(value: YamlValue, indent: string): string {
  return typeof value === "object" ? `\n${toYaml(value, `${indent}  `)}` : ` ${scalar(value)}\n`;
}

function listItem(value: YamlValue, indent: string): string {
  if (typeof value !== "object") return `${indent}- ${scalar(value)}\n`;
  return `${indent}- ${toYaml(value, `${indent}  `).trimStart()}`;
}

function scalar(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  const isPlain = /^[A-Za-z/._][A-Za-z0-9/._=@+-]*$/.test(value) && !RESERVED.test(value);
  return isPlain ? value : JSON.stringify(value); // JSON's texts are YAML's
}
