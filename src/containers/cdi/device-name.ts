import { InvalidArgumentError } from "#base/errors.ts";

/** `vendor.com/class=name` in its parts. */
export interface QualifiedName {
  readonly kind: string;
  readonly name: string;
}

const VENDOR = /^[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const CLASS = /^[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?$/;
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?$/;

/** @throws {InvalidArgumentError} It is not `vendor.com/class`. */
export function parseKind(text: string): string {
  const slash = text.indexOf("/");
  const isKind =
    VENDOR.test(text.slice(0, Math.max(slash, 0))) && CLASS.test(text.slice(slash + 1));
  if (slash < 0 || !isKind) {
    throw new InvalidArgumentError(`invalid kind ${JSON.stringify(text)}: want vendor.com/class`);
  }
  return text;
}

export function isDeviceName(text: string): boolean {
  return NAME.test(text);
}

/** @returns Undefined where it is no qualified name. */
export function tryParseQualifiedName(text: string): QualifiedName | undefined {
  const equals = text.indexOf("=");
  const [vendor = "", name = "", ...more] = text.slice(0, Math.max(equals, 0)).split("/");
  if (!VENDOR.test(vendor) || !CLASS.test(name) || more.length > 0) return undefined;
  const device = text.slice(equals + 1);
  return isDeviceName(device) ? { kind: `${vendor}/${name}`, name: device } : undefined;
}
