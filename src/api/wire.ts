/**
 * A generated API type as the wire really has it: nothing mutable, `null` where Go writes a nil list
 * or map, dates as text. Names and scalar types stay Docker's, so the compiler holds us to them.
 */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Wire<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]?: Wire<T[Key]> | null }
      : T;
