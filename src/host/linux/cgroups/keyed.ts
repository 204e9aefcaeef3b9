/** Parses `key value` lines (memory.stat, cpu.stat, memory.events, …); others are left out. */
export function parseFlatKeyed(text: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [key, value, ...rest] = line.trim().split(/\s+/);
    if (!key || value === undefined || rest.length > 0) continue;
    const number = Number(value);
    if (Number.isFinite(number)) values[key] = number;
  }
  return values;
}

/** A file of one number; undefined for `max`, and for what is no number. */
export function parseNumber(text: string): number | undefined {
  const trimmed = text.trim();
  return /^-?\d+$/.test(trimmed) ? Number(trimmed) : undefined;
}
