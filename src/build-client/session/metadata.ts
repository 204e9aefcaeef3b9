import type { RpcCall } from "#rpc/method.ts";

/** Values of a call's metadata; where HTTP/2 does not carry them as they are, the engine has escaped them and says so. */
export function readNames(metadata: RpcCall["metadata"], key: string): readonly string[] {
  const values = metadata.get(key) ?? [];
  if ((metadata.get(`${key}-encoded`) ?? []).length === 0) return values;
  return values.map((value) => decodeURIComponent(value));
}
