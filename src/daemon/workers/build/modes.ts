import { InvalidArgumentError } from "#base/errors.ts";

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const CLAUSE = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/;

/**
 * A `--chmod` as a change to a mode: octal digits, or what chmod(1) takes (`u=rwX,go=rX`).
 *
 * @throws {InvalidArgumentError} Neither.
 */
export function parseModeChange(text: string): (mode: number, isFolder: boolean) => number {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) {
    const mode = Number.parseInt(text, 8);
    return () => mode;
  }
  const clauses = text.split(",").map((clause) => {
    const [, who = "", operations = ""] = CLAUSE.exec(clause) ?? [];
    if (operations === "") {
      throw new InvalidArgumentError(
        `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777, or symbolic such as u=rwX,go=rX`,
      );
    }
    const mask = Array.from(who === "" ? "a" : who).reduce((sum, one) => sum | (WHO[one] ?? 0), 0);
    const steps = [...operations.matchAll(/([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)/g)];
    return { mask, steps: steps.map(([, sign = "", rights = ""]) => ({ sign, rights })) };
  });
  return (mode, isFolder) => {
    let changed = mode;
    for (const { mask, steps } of clauses) {
      for (const { sign, rights } of steps) {
        const bits = bitsOf(rights, changed, isFolder) & mask;
        if (sign === "+") changed |= bits;
        else if (sign === "-") changed &= ~bits;
        else changed = (changed & ~(mask & 0o777)) | bits;
      }
    }
    return changed;
  };
}

/** For all three of user, group and others. */
function bitsOf(rights: string, mode: number, isFolder: boolean): number {
  if (/^[ugo]$/.test(rights)) {
    const shift = { u: 6, g: 3, o: 0 }[rights] ?? 0;
    const three = (mode >> shift) & 7;
    return three | (three << 3) | (three << 6);
  }
  let bits = 0;
  for (const right of rights) {
    if (right === "r") bits |= 0o444;
    else if (right === "w") bits |= 0o222;
    else if (right === "x") bits |= 0o111;
    else if (right === "X") bits |= isFolder || (mode & 0o111) !== 0 ? 0o111 : 0;
    else if (right === "s") bits |= 0o6000;
    else if (right === "t") bits |= 0o1000;
  }
  return bits;
}
