/** Thrown by everything that a killed daemon still tries. */
export class Crash extends Error {}

/** A daemon's mortality: it dies at the given call to the outside, before that call has an effect. */
export class Fuse {
  readonly calls: string[] = [];
  #dieAt: number;

  constructor(dieAt: number = Number.POSITIVE_INFINITY) {
    this.#dieAt = dieAt;
  }

  get isDead(): boolean {
    return this.calls.length >= this.#dieAt;
  }

  /** From now on, counted from 0: the `count`-th call kills. */
  arm(count: number): void {
    this.#dieAt = this.calls.length + count;
  }

  burn(call: string): void {
    if (this.isDead) throw new Crash(`died at ${call}`);
    this.calls.push(call);
  }
}

/** `target` with every call of the named methods counted. */
export function fused<Target extends object>(
  target: Target,
  fuse: Fuse,
  name: string,
  methods: readonly (keyof Target & string)[],
): Target {
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key, object);
      if (typeof value !== "function") return value;
      const isCounted = methods.some((method) => method === key);
      return (...parameters: unknown[]): unknown => {
        if (isCounted) fuse.burn(`${name}.${String(key)}`);
        return Reflect.apply(value, object, parameters);
      };
    },
  });
}
