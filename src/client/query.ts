/** Booleans become 1 and 0, lists repeat the key, objects become JSON; undefined is left out. */
export type QueryValue =
  | string
  | number
  | boolean
  | undefined
  | readonly string[]
  | Readonly<Record<string, unknown>>;

/** `?a=1&b=2`, or nothing. */
export function encodeQuery(query: Readonly<Record<string, QueryValue>>): string {
  const parts: string[] = [];
  const add = (name: string, value: string): void => {
    parts.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  };
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (typeof value === "boolean") add(name, value ? "1" : "0");
    else if (typeof value !== "object") add(name, String(value));
    else if (isList(value)) for (const element of value) add(name, element);
    else if (Object.keys(value).length > 0) add(name, JSON.stringify(value));
  }
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}
