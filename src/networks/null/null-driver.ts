import { PermissionDeniedError } from "#base/errors.ts";
import { bareEndpoint } from "#networks/bare-endpoint.ts";
import type {
  EndpointRecord,
  EndpointRequest,
  NetworkDriver,
  NetworkRules,
} from "#networks/driver.ts";
import type { NetworkRecord } from "#networks/networks.ts";

/** Network `none`: a namespace with `lo` and nothing else. */
export class NullDriver implements NetworkDriver {
  readonly hasAddresses = false;

  /** @throws {PermissionDeniedError} There is one, and no second. */
  checkCreate({ driver }: NetworkRecord): void {
    throw new PermissionDeniedError(`only one instance of "${driver}" network is allowed`);
  }
  bringUp(): void {}
  async takeDown(): Promise<void> {}
  rules(): NetworkRules | undefined {
    return undefined;
  }
  hostDevices(): readonly string[] {
    return [];
  }
  planEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord {
    return bareEndpoint(network, request);
  }
  restoreEndpoint(): void {}
  attachEndpoint(): void {}
  isEndpointAttached(): boolean {
    return true;
  }
  isEndpointReady(): boolean {
    return true;
  }
  detachEndpoint(): void {}
}
