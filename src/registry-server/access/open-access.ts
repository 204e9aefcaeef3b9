import { RegistryError } from "#registry-server/errors.ts";
import type { Access, Principal } from "./access.ts";

/** Everybody who reaches the registry may do everything: for a loopback address, or behind a proxy that decides. */
export class OpenAccess implements Access {
  readonly asksForLogin = false;

  async identify(): Promise<Principal> {
    return {
      kind: "account",
      name: "anonymous",
      isRobot: false,
      isAdmin: true,
      isByPassword: false,
    };
  }

  async mayDo(): Promise<boolean> {
    return true;
  }

  async mayList(): Promise<boolean> {
    return true;
  }

  refusal(): RegistryError {
    return new RegistryError("DENIED");
  }
}
