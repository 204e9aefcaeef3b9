declare const brand: unique symbol;

/** A `Base` that only its parser makes: `Brand<string, "ContainerId">` is no plain string. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
